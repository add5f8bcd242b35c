"""Reads XML as a stream of elements that begin and end; no tree is built, so that memory is bounded by one text.

Entities and external references are refused as they are declared, before anything is made of them.
"""

from collections.abc import Mapping
from typing import BinaryIO, Final, Protocol
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from providers.pipelines.results.errors import ResultsInvalid

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_ELEMENTS: Final = 2_000_000
DEEPEST: Final = 100
LONGEST_TEXT: Final = 64 * 1024
LONGEST_TOKEN: Final = 512 * 1024
_CHUNK: Final = 64 * 1024


class Elements(Protocol):
    """Who listens; names are without their namespace."""

    def begin(self, name: str, values: Mapping[str, str]) -> None:
        """An element with its attributes."""
        ...

    def end(self, name: str, text: str) -> None:
        """What it says itself, at most the bound; what stands within it was told before."""
        ...


def read(file: BinaryIO, elements: Elements) -> None:
    """The whole file; ResultsInvalid when it is broken, hostile or beyond a bound."""
    parser = DefusedXMLParser(target=_Target(elements))
    size = 0
    try:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                raise ResultsInvalid(f"over {MOST_BYTES // 1024**2} MiB: split it into several files")
            parser.feed(chunk)
            if size - parser.parser.CurrentByteIndex > LONGEST_TOKEN:  # what is not complete is parsed anew each time
                raise ResultsInvalid(f"a tag or comment over {LONGEST_TOKEN // 1024} KiB")
        parser.close()
    except ParseError as error:
        raise ResultsInvalid(f"not well-formed XML: {error}") from error
    except DefusedXmlException as error:
        raise ResultsInvalid(f"{type(error).__name__}: entities and external references are refused") from error
    except (LookupError, ValueError) as error:
        raise ResultsInvalid(f"its encoding cannot be read: {error}") from error


class _Target:
    """Counts, cuts, and hands on."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._texts: list[list[str]] = []
        self._lengths: list[int] = []
        self._count = 0

    def start(self, tag: str, values: Mapping[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise ResultsInvalid(f"over {MOST_ELEMENTS} elements: split it into several files")
        if len(self._texts) >= DEEPEST:
            raise ResultsInvalid(f"elements within elements, deeper than {DEEPEST}")
        self._texts.append([])
        self._lengths.append(0)
        self._elements.begin(_local(tag), values)

    def data(self, text: str) -> None:
        left = LONGEST_TEXT - self._lengths[-1]
        if left > 0:
            self._texts[-1].append(text[:left])
            self._lengths[-1] += len(text)

    def end(self, tag: str) -> None:
        self._lengths.pop()
        self._elements.end(_local(tag), "".join(self._texts.pop()))

    def close(self) -> None:
        """Nothing is built."""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
