"""What an installation is told from outside."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from schema.limits import Limits, limits_of
from services.failpoints import Failpoints


def _installed_wheelhouse() -> Path | None:
    """What ``make install`` has filled."""
    folder = Path(sys.prefix) / "wheelhouse"
    return folder if folder.is_dir() else None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an installation is told from outside."""

    data: Path
    database_url: str | None = None
    failpoint: str | None = None
    limits: Limits = field(default_factory=Limits)
    introspection: bool = True
    explorer: bool = True
    origins: tuple[str, ...] = ()
    drain_seconds: float = 1.0
    heartbeat_seconds: float = 15.0
    base_url: str | None = None
    push_bytes: int = 2 * 1024**3
    git_slots: int = 16
    run_slots: int = 2
    wheelhouse: Path | None = field(default_factory=_installed_wheelhouse)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """``SLIPWAY_DATA`` (./data), ``SLIPWAY_DATABASE_URL`` (SQLite in it), ``SLIPWAY_FAILPOINT`` (none).

        For the API ``SLIPWAY_LIMIT_<NAME>`` (schema/limits.py), ``SLIPWAY_INTROSPECTION``, ``SLIPWAY_EXPLORER`` (on),
        and ``SLIPWAY_ORIGINS``: whose pages may ask with a bearer token, with spaces between (nobody's). After SIGTERM
        ``/readyz`` is 503 for ``SLIPWAY_DRAIN_SECONDS`` (1) before connections are refused. Behind a proxy
        ``SLIPWAY_BASE_URL`` (each request's own); for Git ``SLIPWAY_PUSH_BYTES`` (2 GiB)
        and ``SLIPWAY_GIT_SLOTS`` (16): the fetches, and the pushes, that have processes at once. Pipelines that run at
        once are ``SLIPWAY_RUN_SLOTS`` (2); their steps find Python packages in the folder ``SLIPWAY_WHEELHOUSE`` (what
        ``make install`` has filled) and in no index, or with ``off`` as pip itself does. Sockets and streams that are
        silent for ``SLIPWAY_HEARTBEAT_SECONDS`` (15) are sent a heartbeat. ValueError says which is wrong and what
        would pass.
        """
        return cls(
            data=Path(environ.get("SLIPWAY_DATA", "data")),
            database_url=_database_url(environ, "SLIPWAY_DATABASE_URL"),
            failpoint=_failpoint(environ, "SLIPWAY_FAILPOINT"),
            limits=limits_of(environ),
            introspection=_switch(environ, "SLIPWAY_INTROSPECTION"),
            explorer=_switch(environ, "SLIPWAY_EXPLORER"),
            origins=tuple(_address("SLIPWAY_ORIGINS", origin) for origin in environ.get("SLIPWAY_ORIGINS", "").split()),
            drain_seconds=_seconds(environ, "SLIPWAY_DRAIN_SECONDS", cls.drain_seconds),
            heartbeat_seconds=_seconds(environ, "SLIPWAY_HEARTBEAT_SECONDS", cls.heartbeat_seconds, least=0.1),
            base_url=_base_url(environ, "SLIPWAY_BASE_URL"),
            push_bytes=_whole(environ, "SLIPWAY_PUSH_BYTES", cls.push_bytes),
            git_slots=_whole(environ, "SLIPWAY_GIT_SLOTS", cls.git_slots, least=1),
            run_slots=_whole(environ, "SLIPWAY_RUN_SLOTS", cls.run_slots, least=1),
            wheelhouse=_wheelhouse(environ, "SLIPWAY_WHEELHOUSE"),
        )


def _database_url(environ: Mapping[str, str], name: str) -> str | None:
    """Not told in the error: it may hold a password."""
    value = environ.get(name)
    if value is None:
        return None
    try:
        known = make_url(value).get_backend_name() in ("sqlite", "postgresql")
    except ArgumentError:
        known = False
    if not known:
        raise ValueError(f"{name} is of no database that is known: set it to postgresql://user:password@host/database")
    return value


def _failpoint(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name)
    try:
        Failpoints(value)
    except ValueError as error:
        raise ValueError(f"{name} is {value!r}: {error}") from error
    return value


def _base_url(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name, "").rstrip("/")
    return _address(name, value) if value else None


def _address(name: str, value: str) -> str:
    """A scheme and a host."""
    if re.fullmatch(r"https?://[^/?#@\s]+", value) is None:
        raise ValueError(f"{name} is {value!r}: set it to such as https://slipway.example.com, without a path")
    return value


def _seconds(environ: Mapping[str, str], name: str, default: float, *, least: float = 0.0) -> float:
    value = environ.get(name, str(default))
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) is None or float(value) < least:
        raise ValueError(f"{name} is {value!r}: set it to seconds, at least {least:g}")
    return float(value)


def _wheelhouse(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    if value is None or value == "off":
        return None if value else _installed_wheelhouse()
    if not Path(value).is_dir():
        raise ValueError(f"{name} is {value!r}: set it to a folder of wheels, or to off")
    return Path(value).absolute()


def _switch(environ: Mapping[str, str], name: str) -> bool:
    """On unless it is switched off."""
    value = environ.get(name, "on")
    if value not in ("on", "off"):
        raise ValueError(f"{name} is {value!r}: set it to on or off")
    return value == "on"


def _whole(environ: Mapping[str, str], name: str, default: int, *, least: int = 0) -> int:
    value = environ.get(name, str(default))
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise ValueError(f"{name} is {value!r}: set it to a whole number of at least {least}")
    return int(value)
