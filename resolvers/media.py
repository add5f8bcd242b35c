"""Which media type an answer takes, by the Accept header."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

GRAPHQL: Final = "application/graphql-response+json"
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
HTML: Final = "text/html"
_ANY: Final = {"*/*": 1, "application/*": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """``answer`` is None when no JSON is taken; ``stream`` and ``html`` only when they are named."""

    answer: str | None
    stream: bool
    html: bool


@lru_cache(maxsize=256)
def accepted(header: str) -> Accepted:
    """The highest quality wins, then the more specific; what is named first takes application/graphql-response+json."""
    if not header.strip():
        return Accepted(answer=JSON, stream=False, html=False)
    ranges = _ranges(header)
    graphql, json = _quality(ranges, GRAPHQL), _quality(ranges, JSON)
    answer: str | None = None
    if max(graphql, json)[0] > 0:
        answer = GRAPHQL if graphql > json or (graphql == json and GRAPHQL in ranges) else JSON
    html = ranges.get(HTML, 0.0)
    return Accepted(answer=answer, stream=ranges.get(EVENT_STREAM, 0.0) > 0, html=html > 0 and html >= graphql[0])


def _quality(ranges: dict[str, float], offer: str) -> tuple[float, int]:
    if offer in ranges:
        return ranges[offer], 3
    wild = [(rank, ranges[name]) for name, rank in _ANY.items() if name in ranges]
    if not wild:
        return 0.0, 0
    rank, quality = max(wild)
    return quality, rank


def _ranges(header: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (item.strip().lower() for item in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                quality = _number(value)
        if name:
            found[name] = max(quality, found.get(name, 0.0))
    return found


def _number(value: str) -> float:
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def is_json(content_type: str) -> bool:
    """Whether a body of this Content-Type is read: application/json in UTF-8, whatever else it says."""
    name, *parameters = (item.strip().lower() for item in content_type.split(";"))
    charsets = [
        value.strip("\" '") for key, _, value in (item.partition("=") for item in parameters) if key == "charset"
    ]
    return name == JSON and all(charset in {"utf-8", "utf8"} for charset in charsets)
