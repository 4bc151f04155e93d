"""Ports, looked at before anything is started, so that a busy one is one sentence."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack

import msgspec

from shared.config import Bind, Settings
from shared.errors import SetupFailed


def bound(settings: Settings) -> Settings:
    """*settings* with a real port for each port 0; raises `SetupFailed` when one cannot be listened on."""
    with ExitStack() as held:
        ingress = _free("ingress", settings.ingress_bind, held)
        api = _free("api", settings.api_bind, held)
    return msgspec.structs.replace(
        settings,
        ingress_bind=ingress,
        api_bind=api,
        public_url=_moved(settings.public_url, settings.ingress_bind, ingress),
        api_url=_moved(settings.api_url, settings.api_bind, api),
    )


def _moved(url: str, wanted: Bind, taken: Bind) -> str:
    return taken.origin if url == wanted.origin else url


def _free(name: str, bind: Bind, held: ExitStack) -> Bind:
    try:
        return Bind(bind.host, _port(bind, held))
    except OSError as error:
        said = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
        raise SetupFailed(
            f"the {name} cannot listen on {bind}: {said}",
            f"stop what listens there, or choose another address with --{name}-bind HOST:PORT"
            f" or WAYPOST_{name.upper()}_BIND",
        ) from None


def _port(bind: Bind, held: ExitStack) -> int:
    """Bind as the listener will, and let go when *held* ends."""
    family, kind, _, _, address = socket.getaddrinfo(
        bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    probe = held.enter_context(socket.socket(family, kind))
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(address)
    return int(probe.getsockname()[1])
