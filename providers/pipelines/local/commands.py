"""Commands that steps print: ``##vso[area.event key=value;...]data``, anywhere in a line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_HEAD: Final = re.compile(
    r"##vso\[(?P<area>[A-Za-z]+)\.(?P<event>[A-Za-z]+)(?:\s+(?P<properties>[^\]]*))?\](?P<data>.*)"
)
_ESCAPES: Final = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))


@dataclass(frozen=True, slots=True)
class Command:
    """``name`` is area and event in lower case, keys of properties are lower case."""

    name: str
    properties: Mapping[str, str]
    data: str

    def flag(self, key: str) -> bool:
        """Whether a property says true."""
        return self.properties.get(key, "").lower() == "true"


def command_in(line: str) -> Command | None:
    """The first command of the line; None when it has none."""
    match = _HEAD.search(line) if "##vso[" in line else None
    if match is None:
        return None
    pairs = (pair.partition("=") for pair in (match["properties"] or "").split(";") if "=" in pair)
    properties = {key.strip().lower(): _plain(value) for key, _, value in pairs}
    return Command(f"{match['area']}.{match['event']}".lower(), properties, _plain(match["data"]))


def _plain(text: str) -> str:
    for escaped, char in _ESCAPES:
        text = text.replace(escaped, char)
    return text
