"""The folder an embedded Valkey lives in: its socket, its log, and who owns it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import socket
import tempfile
from pathlib import Path

from msgspec import Struct

from shared.errors import SetupFailed

_LONGEST_SOCKET_PATH = 100  # bytes; sockaddr_un holds 108 on Linux, 104 on macOS
_LONGEST_LOG = 5 << 20
_ORPHAN_TIMEOUT = 10.0


class Nest(Struct, frozen=True, kw_only=True):
    """Paths of one embedded server."""

    folder: Path
    socket: Path

    @classmethod
    def at(cls, data_dir: Path) -> Nest:
        """The paths under *data_dir*; a socket whose path would be too long moves to the temporary folder."""
        folder = data_dir.absolute() / "valkey"
        near = folder / "valkey.sock"
        if len(os.fsencode(near)) <= _LONGEST_SOCKET_PATH:
            return cls(folder=folder, socket=near)
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        return cls(
            folder=folder,
            socket=Path(tempfile.gettempdir()) / f"waypost-{os.getuid()}-{name}" / "v.sock",
        )

    @property
    def url(self) -> str:
        """What `connect` takes."""
        return f"unix://{self.socket}"

    @property
    def log(self) -> Path:
        """The server's own log."""
        return self.folder / "valkey.log"

    @property
    def lock(self) -> Path:
        """The file whose lock is held by the one who runs the server."""
        return self.folder / "owner.lock"


class Lock:
    """The claim of this process on a folder; the kernel drops it with the process."""

    def __init__(self, descriptor: int) -> None:
        """Hold the open file whose lock we have."""
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have the folder."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def url_of(data_dir: Path) -> str | None:
    """The address of the embedded server that runs in *data_dir* now, for commands that join it."""
    place = Nest.at(data_dir)
    try:
        probe = os.open(place.lock, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return place.url
    finally:
        os.close(probe)
    return None


def prepared(place: Nest) -> Lock:
    """Make the folders, take the lock and put an overlong log aside; raises `SetupFailed`."""
    try:
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _private(place.socket.parent)
        descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
        if place.log.exists() and place.log.stat().st_size > _LONGEST_LOG:
            place.log.replace(place.log.with_suffix(".log.1"))
    except OSError as error:
        raise SetupFailed(
            f"the data folder {place.folder} cannot be used: {error.strerror}",
            "make it writable for this user, or name another one with WAYPOST_DATA_DIR or --data-dir",
        ) from error
    return _locked(place, descriptor)


def _private(folder: Path) -> None:
    """A folder in a shared place must be ours alone, or another user could stand in for the store."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if folder.name.startswith("waypost-") and (
        facts.st_uid != os.getuid() or facts.st_mode & 0o077
    ):
        raise PermissionError(1, f"{folder} belongs to somebody else")


def _locked(place: Nest, descriptor: int) -> Lock:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 64).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise SetupFailed(
            f"another Waypost (process {owner}) runs its store in {place.folder}",
            f"stop it, use another WAYPOST_DATA_DIR, or join it with WAYPOST_REDIS_URL={place.url}",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return Lock(descriptor)


def check_port(port: int) -> None:
    """Raise `SetupFailed` when somebody listens on *port* of loopback."""
    if not port:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SetupFailed(
                f"the embedded Valkey cannot listen on 127.0.0.1:{port}: {error.strerror}",
                "stop what listens there, choose another port, or use the unix socket alone",
            ) from error


async def without_orphan(place: Nest) -> None:
    """Stop a server that a killed Waypost left on these files; two on one file would ruin it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _ORPHAN_TIMEOUT
    while await greeting(place.socket, b"SHUTDOWN\r\n") is not None:
        if loop.time() > end:
            raise SetupFailed(
                f"an older Valkey still runs on {place.socket} and does not stop",
                f"find it with `fuser {place.socket}` and stop it",
            )
        await asyncio.sleep(0.05)


async def greeting(path: Path, words: bytes = b"PING\r\n") -> bytes | None:
    """The first line that a server at *path* answers; None when nobody listens, empty when it hangs up."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(words)
                return (await reader.readline()).rstrip()
            finally:
                writer.close()
    except TimeoutError:
        return b""
    except OSError:
        return None


def last_words(place: Nest) -> str:
    """The end of the server's log, in one line."""
    with contextlib.suppress(OSError):
        lines = place.log.read_text(errors="replace").splitlines()[-3:]
        return " / ".join(line.strip() for line in lines)
    return "it wrote no log"
