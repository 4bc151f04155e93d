"""
VRL: the scripts of an integration, run where they can hurt nobody.

A script is text of a stranger; the engine can be frozen or killed by a few hundred bytes of it. So three
walls stand one behind the other:

* `guard` reads the source before anything compiles it and refuses what reaches outside or nests too deep;
* `pool` keeps worker processes, gives each job a deadline, and kills and replaces a worker that misses it;
* `worker_main` is such a worker: no environment, no files, no sockets, half a gigabyte of memory.

`diagnostics` turns the engine's drawings into kind, message and line. `lines` runs one script over many
events. Nothing outside this package names the engine (`vrl-python`); the answers equal those of Botpress's
own engine, `@bpinternal/verel`.
"""
