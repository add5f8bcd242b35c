"""How logs look: JSON lines, or colours on a terminal; never local variables, which may hold tokens."""

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog


class _Stderr:
    """Standard error as it is when a line is written, not as it was when the process began."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(stream: TextIO | None = None, *, level: int = logging.INFO) -> None:
    """Once per process; requests are told at INFO, and the libraries' own warnings take the same form."""
    out: Any = stream or _Stderr()
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    if (stream or sys.stderr).isatty():
        render: list[Any] = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_plain, *render]))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _json(value: Any, **_: object) -> str:
    return orjson.dumps(value, default=str).decode()


_plain = structlog.stdlib.ProcessorFormatter.remove_processors_meta
