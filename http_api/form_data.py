"""``multipart/form-data`` read as it comes: its fields are held, and its one file is handed on piece by piece."""

from collections.abc import AsyncIterator
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException

MOST_PARTS: Final = 1_000
FIELD_BYTES: Final = 4 * 1_048_576


class FormData:
    """``begin``, then ``content`` once; ``field`` answers what has come, all of it after ``content``.

    HTTPException: 400 for what is no such form, or has its file twice or not at all; 413 for endless fields.
    """

    def __init__(self, content_type: str, chunks: AsyncIterator[bytes], *, file_field: str) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise HTTPException(415, "the Content-Type must be multipart/form-data with a boundary")
        self._chunks = chunks
        self._parts = _Parts(file_field)
        try:
            self._parser = MultipartParser(options[b"boundary"], self._parts.callbacks())
        except FormParserError as error:
            raise _malformed(str(error)) from error

    @property
    def filename(self) -> str:
        """What the client calls the file; empty when it does not."""
        return self._parts.filename or ""

    def field(self, name: str) -> str | None:
        """The field's text, its first when it came more than once."""
        value = self._parts.fields.get(name)
        return None if value is None else value.decode("utf-8", "replace")

    async def begin(self) -> None:
        """Reads up to where the file begins."""
        while self._parts.filename is None:
            if not await self._more():
                raise _malformed("it has no file in the field that it belongs to")

    async def content(self) -> AsyncIterator[bytes]:
        """The file, and with its end the rest of the form."""
        while True:
            pieces, self._parts.pieces = self._parts.pieces, []
            for piece in pieces:
                yield piece
            if not await self._more():
                break

    async def _more(self) -> bool:
        try:
            self._parser.write(await anext(self._chunks))
        except StopAsyncIteration:
            if not self._parts.ended:
                raise _malformed("it ends too early") from None
            return False
        except FormParserError as error:
            raise _malformed(str(error)) from error
        return True


class _Parts:
    """What the parser tells, sorted into fields and the pieces of the file."""

    def __init__(self, file_field: str) -> None:
        self.fields: dict[str, bytearray] = {}
        self.pieces: list[bytes] = []
        self.filename: str | None = None
        self.ended = False
        self._file_field = file_field
        self._header, self._value, self._disposition = b"", b"", b""
        self._field: bytearray | None = None
        self._parts = self._held = 0

    def callbacks(self) -> Any:
        """By the parser's names for them."""
        told = (self.on_part_begin, self.on_header_field, self.on_header_value, self.on_header_end)
        return {call.__name__: call for call in (*told, self.on_headers_finished, self.on_part_data, self.on_end)}

    def on_part_begin(self) -> None:
        """Another part."""
        self._parts += 1
        self._header, self._value, self._disposition = b"", b"", b""
        if self._parts > MOST_PARTS:
            raise HTTPException(413, f"the form has over {MOST_PARTS:,} parts")

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """A piece of a header's name."""
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """A piece of its value."""
        self._value += data[start:end]

    def on_header_end(self) -> None:
        """Only one header matters."""
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def on_headers_finished(self) -> None:
        """Where the part's data goes."""
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("latin-1")
        self._field = None
        if name != self._file_field:
            self._field = bytearray()
            self.fields.setdefault(name, self._field)
        elif self.filename is not None:
            raise _malformed(f"it has the file {name!r} twice")
        else:
            self.filename = options.get(b"filename", b"").decode("latin-1")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """A piece of the file or of a field."""
        if self._field is None:
            self.pieces.append(data[start:end])
            return
        self._held += end - start
        if self._held > FIELD_BYTES:
            raise HTTPException(413, f"the form's fields are over {FIELD_BYTES:,} bytes")
        self._field += data[start:end]

    def on_end(self) -> None:
        """The form is whole."""
        self.ended = True


def _malformed(told: str) -> HTTPException:
    return HTTPException(400, f"the form cannot be read: {told}")
