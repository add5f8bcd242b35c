"""Reads an expression into a tree: literals, names, calls and look-ups; there are no infix operators."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from providers.pipelines.expressions.errors import ExpressionError
from providers.pipelines.expressions.values import Value, Version, number_of, version_of

LONGEST: Final = 21_000
DEEPEST: Final = 50


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it stands."""

    value: Value
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    """A context, such as ``variables``."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function, its name in lower case."""

    name: str
    arguments: tuple["Node", ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Member:
    """What an object or array has under a key; ``None`` for ``*``, all of them."""

    of: "Node"
    key: "Node | None"
    start: int
    end: int


Node: TypeAlias = Literal | Name | Call | Member
Arity: TypeAlias = tuple[int, int | None]


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """What may be named where the expression stands; both in lower case."""

    names: Collection[str]
    functions: Mapping[str, Arity]


@dataclass(frozen=True, slots=True)
class Expression:
    """A tree with the text that it was read from."""

    text: str
    root: Node

    def source(self, node: Node) -> str:
        """The text of a part."""
        return self.text[node.start : node.end]


_TOKEN: Final = re.compile(r"(?P<text>'(?:[^']|'')*')|(?P<mark>[()\[\],])|(?P<word>[^\s()\[\],']+)")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WORDS: Final[Mapping[str, Value]] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def parse(text: str, grammar: Grammar | None) -> Expression:
    """The tree; ExpressionError says what stands where, unknown names and functions included unless any may be."""
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression has {len(text):,} characters, over {LONGEST:,}")
    return Expression(text, _Parser(text, grammar).whole())


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"a string begins at character {at + 1} and does not end: close it with '", at)
        kind, whole = match.lastgroup or "", match[0]
        found += _word(whole, at) if kind == "word" else [_Token(kind if kind == "text" else whole, whole, at)]
        at = match.end()
    return found


def _word(word: str, at: int) -> list[_Token]:
    """A number stays whole; names are split at their dots."""
    if word[0] in "-.0123456789" and not (word[0] == "." and not word[1:2].isdigit()):
        return [_Token("number", word, at)]
    found = []
    for part in re.finditer(r"\.|[^.]+", word):
        kind = "." if part[0] == "." else "*" if part[0] == "*" else "name"
        found.append(_Token(kind, part[0], at + part.start()))
    return found


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str, grammar: Grammar | None) -> None:
        self._text = text
        self._grammar = grammar
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        if not self._tokens:
            raise ExpressionError("the expression is empty: write a value, such as true")
        node = self._expression()
        if self._at < len(self._tokens):
            raise self._unexpected(self._tokens[self._at])
        return node

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"the expression is nested over {DEEPEST} deep", self._next().start)
        node = self._primary(self._take())
        while (mark := self._peek()) in (".", "["):
            token = self._take()
            node = self._dotted(node) if mark == "." else self._indexed(node, token)
        self._depth -= 1
        return node

    def _primary(self, token: _Token) -> Node:
        match token.kind:
            case "text":
                return Literal(token.text[1:-1].replace("''", "'"), token.start, token.end)
            case "number":
                return Literal(_number(token), token.start, token.end)
            case "name" if self._peek() == "(":
                return self._call(token)
            case "name" if token.text.lower() in _WORDS:
                return Literal(_WORDS[token.text.lower()], token.start, token.end)
            case "name":
                return self._named(token)
        raise self._unexpected(token)

    def _named(self, token: _Token) -> Node:
        self._identifier(token)
        if self._grammar is not None and token.text.lower() not in self._grammar.names:
            known = ", ".join(sorted(self._grammar.names)) or "none"
            raise ExpressionError(f"Unrecognized named-value: '{token.text}'; here there are: {known}", token.start)
        return Name(token.text.lower(), token.start, token.end)

    def _call(self, name: _Token) -> Node:
        self._identifier(name)
        arity = (0, None) if self._grammar is None else self._grammar.functions.get(name.text.lower())
        if arity is None:
            raise ExpressionError(f"Unrecognized function: '{name.text}'", name.start)
        self._take()
        arguments: list[Node] = []
        while self._peek() != ")":
            if arguments:
                self._expect(",", "a comma or )")
            arguments.append(self._expression())
        end = self._take().end
        least, most = arity
        if len(arguments) < least or (most is not None and len(arguments) > most):
            wanted = str(least) if most == least else f"at least {least}" if most is None else f"{least} to {most}"
            raise ExpressionError(f"{name.text} takes {wanted} values, not {len(arguments)}", name.start)
        return Call(name.text.lower(), tuple(arguments), name.start, end)

    def _dotted(self, of: Node) -> Node:
        token = self._take()
        if token.kind == "*":
            return Member(of, None, of.start, token.end)
        if token.kind != "name":
            raise self._unexpected(token)
        self._identifier(token)
        return Member(of, Literal(token.text, token.start, token.end), of.start, token.end)

    def _indexed(self, of: Node, opened: _Token) -> Node:
        if self._peek() == "*":
            self._take()
            key = None
        else:
            key = self._expression()
        closed = self._expect("]", f"the ] of the [ at character {opened.start + 1}")
        return Member(of, key, of.start, closed.end)

    def _identifier(self, token: _Token) -> None:
        if _IDENTIFIER.match(token.text) is None:
            raise self._unexpected(token)

    def _peek(self) -> str | None:
        return self._tokens[self._at].kind if self._at < len(self._tokens) else None

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise ExpressionError("the expression ends too early: a value or ) is missing", len(self._text))
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next()
        self._at += 1
        return token

    def _expect(self, kind: str, wanted: str) -> _Token:
        token = self._next()
        if token.kind != kind:
            raise ExpressionError(f"'{token.text}' at character {token.start + 1} should be {wanted}", token.start)
        return self._take()

    def _unexpected(self, token: _Token) -> ExpressionError:
        return ExpressionError(f"Unexpected symbol: '{token.text}' at character {token.start + 1}", token.start)


def _number(token: _Token) -> Decimal | Version:
    value = number_of(token.text)
    found = value if value is not None else version_of(token.text)
    if found is None:
        raise ExpressionError(f"Unexpected symbol: '{token.text}' is no number and no version", token.start)
    return found
