"""A scalar's expressions: ``${{ }}`` within its text, and the directives that keys are."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from providers.pipelines.expressions.errors import ExpressionError

OPEN: Final = "${{"
_TO_CLOSE: Final = re.compile(r"(?:[^'}]|'(?:[^']|'')*'|\}(?!\}))*\}\}")
_DIRECTIVE: Final = re.compile(r"(?P<word>if|elseif|else|each|insert)(?![A-Za-z0-9_(.\[])(?P<rest>.*)", re.DOTALL)
_EACH: Final = re.compile(r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s+in\s(?P<of>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Code:
    """The text between ``${{`` and ``}}``; ``offset`` counts characters of the scalar before it."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Directive:
    """A key that decides about what stands below it; ``variable`` is that of an each."""

    word: str
    code: Code
    variable: str | None = None


@lru_cache(maxsize=4096)
def pieces(text: str) -> tuple[str | Code, ...]:
    """The text and the expressions in turn; ExpressionError when one does not end."""
    found: list[str | Code] = []
    at = 0
    while (start := text.find(OPEN, at)) >= 0:
        match = _TO_CLOSE.match(text, start + len(OPEN))
        if match is None:
            raise ExpressionError("${{ is not closed: end the expression with }}", start)
        if start > at:
            found.append(text[at:start])
        found.append(Code(match[0][:-2], start + len(OPEN)))
        at = match.end()
    if at < len(text):
        found.append(text[at:])
    return tuple(found)


def whole(text: str) -> Code | None:
    """The expression that the text is, when it is nothing else."""
    parts = pieces(text.strip()) if OPEN in text else ()
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Code) else None


def directive(text: str) -> Directive | None:
    """What the key decides, or None; ExpressionError when it begins like one and is none."""
    code = whole(text)
    lead = 0 if code is None else len(code.text) - len(code.text.lstrip())
    match = None if code is None else _DIRECTIVE.fullmatch(code.text.strip())
    if code is None or match is None:
        return None
    word, rest = match["word"], match["rest"]
    offset = code.offset + lead + len(word)
    if word == "each":
        named = _EACH.fullmatch(rest)
        if named is None:
            raise ExpressionError("each is written ${{ each name in list }}", code.offset)
        return Directive(word, Code(named["of"], offset + named.start("of")), named["name"].lower())
    if word in ("else", "insert") and rest:
        raise ExpressionError(f"{word} stands alone: ${{{{ {word} }}}}, without {rest.strip()!r}", code.offset)
    return Directive(word, Code(rest, offset))
