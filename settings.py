"""What an installation is told from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schema.limits import Limits, limits_of


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

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """``SLIPWAY_DATA`` (./data), ``SLIPWAY_DATABASE_URL`` (SQLite in it), ``SLIPWAY_FAILPOINT`` (none).

        For the API ``SLIPWAY_LIMIT_<NAME>`` (schema/limits.py), ``SLIPWAY_INTROSPECTION``, ``SLIPWAY_EXPLORER`` (on),
        and ``SLIPWAY_ORIGINS``: whose pages may ask with a bearer token, with spaces between (nobody's). After SIGTERM
        ``/readyz`` is 503 for ``SLIPWAY_DRAIN_SECONDS`` (1) before connections are refused. Behind a proxy
        ``SLIPWAY_BASE_URL`` (each request's own); for Git ``SLIPWAY_PUSH_BYTES`` (2 GiB)
        and ``SLIPWAY_GIT_SLOTS`` (16): the fetches, and the pushes, that have processes at once. Pipelines that run at
        once are ``SLIPWAY_RUN_SLOTS`` (2).
        """
        return cls(
            data=Path(environ.get("SLIPWAY_DATA", "data")),
            database_url=environ.get("SLIPWAY_DATABASE_URL"),
            failpoint=environ.get("SLIPWAY_FAILPOINT"),
            limits=limits_of(environ),
            introspection=_switch(environ, "SLIPWAY_INTROSPECTION"),
            explorer=_switch(environ, "SLIPWAY_EXPLORER"),
            origins=tuple(environ.get("SLIPWAY_ORIGINS", "").split()),
            drain_seconds=float(environ.get("SLIPWAY_DRAIN_SECONDS", "1")),
            base_url=environ.get("SLIPWAY_BASE_URL", "").rstrip("/") or None,
            push_bytes=_whole(environ, "SLIPWAY_PUSH_BYTES", cls.push_bytes),
            git_slots=_whole(environ, "SLIPWAY_GIT_SLOTS", cls.git_slots, least=1),
            run_slots=_whole(environ, "SLIPWAY_RUN_SLOTS", cls.run_slots, least=1),
        )


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
