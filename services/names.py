"""The shapes of names that users choose; each refusal says what would pass."""

import re

from services.errors import InvalidInput

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TRACE = re.compile(r"[0-9a-f]{32}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def slug(value: str, field: str) -> str:
    """A name that stands in URLs: 1 to 63 of a-z, 0-9 and inner hyphens."""
    if not _SLUG.fullmatch(value):
        raise InvalidInput(
            f"{field} {value[:80]!r} is not a name: use 1 to 63 of a-z, 0-9 and '-', a letter or digit at both ends",
            field=field,
        )
    return value


def base_version(value: str, field: str = "baseVersion") -> str:
    """The major.minor that builds number on."""
    if not _VERSION.fullmatch(value):
        raise InvalidInput(f"{field} {value[:40]!r} is not major.minor, such as '1.4'", field=field)
    return value


def package(value: str | None, field: str = "packageName") -> str | None:
    """A name that PyPI and NuGet both accept."""
    if value is not None and not _PACKAGE.fullmatch(value):
        raise InvalidInput(f"{field} {value[:80]!r} is not a package name: letters, digits and . _ - pass", field=field)
    return value


def image(value: str | None, field: str = "imageName") -> str | None:
    """A repository name of OCI Distribution, at most 255 characters."""
    if value is not None and (len(value) > 255 or not _IMAGE.fullmatch(value)):
        raise InvalidInput(f"{field} {value[:80]!r} is not an image name, such as 'booking/reservations'", field=field)
    return value


def trace(value: str | None) -> str | None:
    """A W3C trace id: 32 lower-case hex digits, not all zero."""
    if value is not None and (not _TRACE.fullmatch(value) or set(value) == {"0"}):
        raise InvalidInput(f"traceId {value[:40]!r} is not 32 lower-case hex digits", field="traceId")
    return value


def words(value: str, field: str, *, most: int, least: int = 0) -> str:
    """Free text of bounded length without control characters."""
    if not least <= len(value) <= most:
        raise InvalidInput(f"{field} has {len(value)} characters: {least} to {most} would pass", field=field)
    if found := _CONTROL.search(value):
        raise InvalidInput(f"{field} has a control character at {found.start()}: remove it", field=field)
    return value
