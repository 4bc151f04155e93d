"""Rerunnable benchmarks. Numbers in the documentation come from one run of `make bench`."""
