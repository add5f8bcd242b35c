"""The texts of ``format`` and of run numbers: places to fill, and times by a pattern."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from providers.pipelines.expressions.errors import ExpressionError

_PLACE: Final = re.compile(r"\{\{|\}\}|\{(?P<index>[0-9]+)(?::(?P<pattern>(?:[^{}]|\}\})*))?\}|[{}]")
_TIME: Final = re.compile(r"'([^']*)'|yyyy|yy|MMMM|MMM|MM|M|dddd|ddd|dd|d|HH|H|hh|h|mm|m|ss|s|f{1,6}|tt|zzz|K")
_NAMED: Final = {"yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "dddd": "%A", "ddd": "%a", "tt": "%p"}


def filled(text: str, values: Sequence[str | datetime]) -> str:
    """The text with ``{0}``, ``{1:yyyyMMdd}`` filled and ``{{`` and ``}}`` made single."""

    def place(match: re.Match[str]) -> str:
        if match["index"] is None:
            if len(match[0]) == 2:
                return match[0][0]
            raise ExpressionError(f"format has a lone {match[0]} at character {match.start() + 1}: write it twice")
        index = int(match["index"])
        if index >= len(values):
            raise ExpressionError(f"format has a place {match[0]} and only {len(values)} values to fill in")
        value, pattern = values[index], match["pattern"]
        if isinstance(value, datetime):
            return time_as(value, (pattern or "yyyy-MM-dd HH:mm:sszzz").replace("}}", "}"))
        if pattern is not None:
            raise ExpressionError(f"format has the pattern {pattern!r} for a value that is no time")
        return value

    return _PLACE.sub(place, text)


def time_as(moment: datetime, pattern: str) -> str:
    """The moment by the pattern: yyyy MM dd HH mm ss and their kin."""

    def part(match: re.Match[str]) -> str:
        token = match[0]
        if match[1] is not None:
            return match[1]
        if token[0] == "f":
            return f"{moment.microsecond:06d}"[: len(token)]
        if token in ("zzz", "K"):
            return f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:] if moment.tzinfo else ""
        twelve = moment.hour % 12 or 12
        numbers = {"M": moment.month, "d": moment.day, "H": moment.hour, "m": moment.minute, "s": moment.second}
        if token[0] == "h":
            return f"{twelve:0{len(token)}d}"
        if token[0] in numbers and len(token) <= 2:
            return f"{numbers[token[0]]:0{len(token)}d}"
        return moment.strftime(
            {"yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "dddd": "%A", "ddd": "%a", "tt": "%p"}[token]
        )

    return _TIME.sub(part, pattern)
