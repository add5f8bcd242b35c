"""The pkt-line framing of a push: its commands, and the report that answers them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from providers.git.errors import RequestMalformed
from providers.git.values import RefUpdate

ZERO: Final = "0" * 40
MOST_COMMANDS: Final = 50_000
_COMMAND = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) ([^\x00-\x20\x7f]+)")
_BAND: Final = 65_515


@dataclass(frozen=True, kw_only=True, slots=True)
class PushRequest:
    """What a push asks for; the pack follows in the same file, unless only deletions are asked for."""

    updates: tuple[RefUpdate, ...]
    capabilities: frozenset[str]

    @property
    def has_pack(self) -> bool:
        """Whether objects follow."""
        return any(update.new is not None for update in self.updates)


def read_push(file: BinaryIO) -> PushRequest:
    """The commands, leaving the file where the pack begins; RequestMalformed when they are none."""
    updates: dict[str, RefUpdate] = {}
    capabilities: frozenset[str] = frozenset()
    for line in _lines(file):
        words, _, told = line.rstrip(b"\n").partition(b"\0")
        if told:
            capabilities = frozenset(told.decode("utf-8", "replace").split())
        if words.startswith(b"shallow "):
            continue
        update = _update(words)
        if update.ref in updates:
            raise RequestMalformed(f"{update.ref} is named twice")
        updates[update.ref] = update
        if len(updates) > MOST_COMMANDS:
            raise RequestMalformed(f"a push names at most {MOST_COMMANDS:,} refs: push them in parts")
    return PushRequest(updates=tuple(updates.values()), capabilities=capabilities)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while True:
        head = file.read(4)
        try:
            size = int(head, 16) if re.fullmatch(rb"[0-9a-fA-F]{4}", head) else -1
        except ValueError:
            size = -1
        if size == 0:
            return
        if not 4 < size <= 65_520:
            raise RequestMalformed("the body is not framed in pkt-lines that end with a flush")
        line = file.read(size - 4)
        if len(line) < size - 4:
            raise RequestMalformed("the body ends within a pkt-line")
        yield line


def _update(words: bytes) -> RefUpdate:
    found = _COMMAND.fullmatch(words)
    if found is None:
        raise RequestMalformed("a ref command is 'old new ref', with shas of 40 hex digits")
    old, new = found[1].decode(), found[2].decode()
    try:
        ref = found[3].decode()
    except UnicodeDecodeError as error:
        raise RequestMalformed("a ref's name is not UTF-8") from error
    return RefUpdate(ref=ref, old=None if old == ZERO else old, new=None if new == ZERO else new)


def report(
    request: PushRequest, reasons: Mapping[str, str] | None = None, *, unpack: str = "ok", screen: Sequence[str] = ()
) -> bytes:
    """The answer to a push: every ref is taken, or each is refused with its reason; ``screen`` is told to people."""
    lines = [packet(f"unpack {unpack}\n".encode())]
    for update in request.updates:
        if reasons is None:
            lines.append(packet(f"ok {update.ref}\n".encode()))
        else:
            reason = reasons.get(update.ref, "refused with the others of this push")
            lines.append(packet(f"ng {update.ref} {reason}\n".encode()))
    status = b"".join(lines) + b"0000" if request.capabilities & {"report-status", "report-status-v2"} else b""
    if "side-band-64k" not in request.capabilities:
        return status
    told = "".join(f"{line}\n" for line in screen).encode()
    return b"".join([*_bands(2, told), *_bands(1, status), b"0000"])


def _bands(number: int, data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _BAND):
        yield packet(bytes([number]) + data[start : start + _BAND])


def packet(data: bytes) -> bytes:
    """One pkt-line; at most 65,516 bytes of data."""
    return f"{len(data) + 4:04x}".encode() + data
