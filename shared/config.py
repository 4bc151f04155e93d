"""
Settings of the programs: flag before environment before file before default.

The file is `settings.toml` in the data folder, with the names of the fields as keys. Only composition
roots read settings. What is wrong raises `SetupFailed` with the variable's name and what to write instead.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared import configvalues as read
from shared.configvalues import Bind, LogSettings, Network
from shared.errors import SetupFailed
from shared.retention import DEFAULT, retention

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.model.retention import Retention

__all__ = [
    "VARIABLES",
    "Bind",
    "LogSettings",
    "Settings",
    "environment_table",
    "unknown_variables",
]


class Variable(Struct, frozen=True):
    """One setting: its field, how to read it, its default as it would be written, and what it means."""

    field: str
    read: Callable[[str], Any]
    default: str
    meaning: str

    @property
    def name(self) -> str:
        """Its name in the environment."""
        return f"WAYPOST_{self.field.upper()}"


VARIABLES: tuple[Variable, ...] = (
    Variable("redis_url", read.store_url, "", "Redis 7 or Valkey to use; unset: the embedded Valkey"),
    Variable("data_dir", read.folder, "~/.local/share/waypost", "where the embedded Valkey and the keys lie"),
    Variable("public_url", read.public_origin, "", "origin under which providers and browsers reach the ingress"),
    Variable("api_url", read.origin, "", "origin under which integrations and commands reach the api"),
    Variable("integrations", read.folders, "", "more folders with integrations, separated by `:`"),
    Variable("keys", read.path, "", "key ring; the sealing key pair lies beside it. Default: in the data folder"),
    Variable("admin_token", read.token, "", "bearer token of the admin API; `up` makes one"),
    Variable("metrics_token", read.token, "", "bearer token that `/metrics` asks for; unset: nobody is asked"),
    Variable("egress_allow", read.egress, "", "CIDRs that admin-set URLs may reach beside public ones"),
    Variable("return_to", read.origins, "", "origins to which a connect page may send users back"),
    Variable("trusted_proxies", read.networks, "", "CIDRs of proxies in front: not counted, who they forward for is"),
    Variable("ingress_bind", read.bind, "127.0.0.1:8080", "address of the public listener"),
    Variable("ingress_processes", read.processes, "1", "ingress processes that share the public port"),
    Variable("ingress_patience", read.patience, "0.5", "seconds that a webhook may wait for the store; 0: for ever"),
    Variable("api_bind", read.bind, "127.0.0.1:8081", "address of the staff listener"),
    Variable("chat_bind", read.optional_bind, "", "one more listener, for integrations' servers: `/v1/chat` alone"),
    Variable("workers", read.workers, "1", "workers that `up` starts"),
    Variable("seal_webhooks", read.switch, "off", "webhooks too are stored readable by workers only: on or off"),
    Variable("retention", retention, DEFAULT, "how long, and how much, of what is closed is kept; write what differs"),
    Variable("open_records", read.number, "1000000", "requests that may wait or be under way; more get 503"),
    Variable("open_bytes", read.size, "4GB", "the same in bytes (KB, MB, GB)"),
    Variable("log", read.log, "info", "level and form of the log, as in `debug,json`"),
    Variable("simulator_url", read.origin, "", "for demo and tests: a private origin that provider calls may reach"),
    Variable("failpoint", str, "", "for tests: kill the process at a named place"),
)  # fmt: skip

_FIELDS = {variable.field: variable for variable in VARIABLES}
_HIDDEN = frozenset({"redis_url", "admin_token", "metrics_token"})


class Settings(Struct, frozen=True, kw_only=True):
    """What a process was told. Its repr hides the token and the store's address, which may hold a password."""

    redis_url: str
    data_dir: Path
    public_url: str
    api_url: str
    integrations: tuple[Path, ...]
    keys: Path
    admin_token: str
    metrics_token: str
    egress_allow: tuple[Network, ...]
    return_to: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    ingress_bind: Bind
    ingress_processes: int
    ingress_patience: float
    api_bind: Bind
    chat_bind: Bind | None
    workers: int
    seal_webhooks: bool
    retention: Retention
    open_records: int
    open_bytes: int
    log: LogSettings
    simulator_url: str
    failpoint: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str], **flags: Any) -> Settings:
        """
        Read settings from flags, *environ* and the file in the data folder.

        A flag is the name of a field; None is a flag that was not given. A value of a flag that is no
        text is taken as it is. `NAME_FILE` names a file that holds the value, for secrets of a container.
        """
        data_dir = _data_dir(environ, flags)
        written = _file(data_dir / "settings.toml")
        found = {v.field: _value(v, environ, flags, written) for v in VARIABLES}
        found["data_dir"] = data_dir
        found["keys"] = _key_ring(found["keys"], data_dir)
        found["public_url"] = found["public_url"] or found["ingress_bind"].origin
        found["api_url"] = found["api_url"] or found["api_bind"].origin
        return cls(**found)

    @property
    def key_ring_file(self) -> Path:
        """JSON `{primary, keys}`; only workers and the api read it."""
        return self.keys

    @property
    def sealing_key_file(self) -> Path:
        """The private half that opens what the ingress sealed; only workers read it."""
        return self.keys.parent / "sealing.key"

    @property
    def sealing_public_file(self) -> Path:
        """The public half; all the ingress holds."""
        return self.keys.parent / "sealing.pub"

    @property
    def admin_token_file(self) -> Path:
        """Where `up` keeps the token that it made."""
        return self.data_dir / "admin-token"

    def __repr__(self) -> str:
        """Tell everything but what may be secret."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self._shown())})"

    def __rich_repr__(self) -> Any:
        """Tell rich the same."""
        yield from self._shown()

    def _shown(self) -> list[tuple[str, Any]]:
        return [
            (name, "…" if name in _HIDDEN and getattr(self, name) else getattr(self, name))
            for name in self.__struct_fields__
        ]


def environment_table() -> str:
    """All variables as a Markdown table, for the documentation."""
    rows = [
        f"| `{v.name}` | {f'`{v.default}`' if v.default else ''} | {v.meaning} |"
        for v in VARIABLES
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows, ""])


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """
    Sentences about `WAYPOST_…` variables that nothing reads, likely misspelt.

    >>> unknown_variables({"WAYPOST_PUBLIC_ULR": "https://x.example"})
    ['WAYPOST_PUBLIC_ULR is not read by anything; did you mean WAYPOST_PUBLIC_URL?']
    """
    known = [v.name for v in VARIABLES]
    strange = [
        name for name in sorted(environ)
        if name.startswith("WAYPOST_") and name.removesuffix("_FILE") not in known
    ]  # fmt: skip
    return [_suspicion(name, difflib.get_close_matches(name, known, n=1)) for name in strange]


def _suspicion(name: str, close: list[str]) -> str:
    return f"{name} is not read by anything" + (f"; did you mean {close[0]}?" if close else "")


def _data_dir(environ: Mapping[str, str], flags: Mapping[str, Any]) -> Path:
    variable = _FIELDS["data_dir"]
    given = flags.get("data_dir") or environ.get(variable.name)
    if isinstance(given, Path):
        return given.absolute()
    base = environ.get("XDG_DATA_HOME") or f"{environ.get('HOME', '~')}/.local/share"
    found: Path = _read(variable, variable.name, given or f"{base}/waypost")
    return found


def _value(
    variable: Variable,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    written: Mapping[str, str],
) -> Any:
    flag = flags.get(variable.field)
    if flag is not None:
        flag_name = "--" + variable.field.replace("_", "-")
        return _read(variable, flag_name, flag) if isinstance(flag, str) else flag
    if given := environ.get(variable.name):
        return _read(variable, variable.name, given)
    if where := environ.get(f"{variable.name}_FILE"):
        return _read(variable, f"{variable.name}_FILE", _content(variable, Path(where)))
    return _read(
        variable,
        f"{variable.field} in settings.toml",
        written.get(variable.field, variable.default),
    )


def _read(variable: Variable, where: str, text: str) -> Any:
    try:
        return variable.read(text.strip())
    except read.Unreadable as error:
        raise SetupFailed(f"{where}: {error.problem}", error.fix) from None


def _content(variable: Variable, where: Path) -> str:
    try:
        return where.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupFailed(
            f"{variable.name}_FILE names {where}, which cannot be read: {error}",
            "name a readable text file, or set the variable itself",
        ) from error


def _file(where: Path) -> dict[str, str]:
    try:
        found = tomllib.loads(where.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise SetupFailed(
            f"{where} cannot be read: {error}", "write TOML: name = 'value'"
        ) from error
    for name in found:
        if name not in _FIELDS or name == "data_dir":
            raise SetupFailed(
                f"{where}: {name} is not a setting that can be written here",
                "use one of: " + ", ".join(field for field in _FIELDS if field != "data_dir"),
            )
    return {name: str(value) for name, value in found.items()}


def _key_ring(given: Path | None, data_dir: Path) -> Path:
    where = given or data_dir
    return where if where.suffix == ".json" else where / "keys.json"


def _check_table() -> None:
    """A field without a variable, or the other way round, is a mistake of ours."""
    if set(_FIELDS) != set(Settings.__struct_fields__):
        raise TypeError("Settings and VARIABLES differ")


_check_table()
