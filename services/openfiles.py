"""How many files this process may hold open: a connection is one, and the usual soft limit is 1024."""

from __future__ import annotations

import resource

OWN = 256  # for the store, logs and listeners, and for callers that are told that there is no room


def room_for(connections: int) -> int:
    """How many of so many *connections* there is room for; the soft limit is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OWN
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(connections, max(1, wanted - OWN))
