"""How a simple index is written: PEP 503's HTML or PEP 691's JSON, with PEP 592, 658, 700 and 714 in both."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any, Final
from urllib.parse import quote

from packaging.version import Version

from services.packaging.publications import PublicationStatus
from storage.queries.packages import Listed

VERSION: Final = "1.1"
JSON: Final = "application/vnd.pypi.simple.v1+json"
HTML: Final = "application/vnd.pypi.simple.v1+html"
TEXT: Final = "text/html"
_TYPES: Final = {
    JSON: JSON,
    HTML: HTML,
    TEXT: TEXT,
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": HTML,
    "text/*": TEXT,
    "application/*": JSON,
    "*/*": TEXT,
}
_FIRST: Final = (JSON, HTML, TEXT)


def media_type(accept: str) -> str | None:
    """What the client likes best of what there is, or None; HTML for one that does not say."""
    if not accept.strip():
        return TEXT
    liked: dict[str, float] = {}
    for one in accept.split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        kind = _TYPES.get(name.lower())
        weight = next((part[2:] for part in parameters if part.lower().startswith("q=")), "1")
        try:
            quality = float(weight)
        except ValueError:
            continue
        if kind is not None and 0 < quality <= 1:
            liked[kind] = max(liked.get(kind, 0), quality)
    return min(liked, key=lambda kind: (-liked[kind], _FIRST.index(kind)), default=None)


def packages(media: str, names: Sequence[str]) -> bytes:
    """The list of a feed's packages."""
    if media == JSON:
        return _json({"projects": [{"name": name} for name in names]})
    return _html("Simple index", [f'<a href="{name}/">{name}</a>' for name in names])


def files(media: str, name: str, listed: Sequence[Listed]) -> bytes:
    """The files of a package."""
    if media != JSON:
        return _html(f"Links for {name}", [_link(one) for one in listed])
    versions = sorted({row.version_name for _, row in listed}, key=Version)
    return _json({"name": name, "versions": versions, "files": [_told(one) for one in listed]})


def _url(filename: str) -> str:
    return f"../../files/{quote(filename)}"


def _sha256(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _yanked(one: Listed) -> str | bool:
    _, row = one
    return (row.unlisted_reason or True) if row.status == PublicationStatus.UNLISTED else False


def _told(one: Listed) -> dict[str, Any]:
    file, _ = one
    assert file.published_at is not None
    told: dict[str, Any] = {
        "filename": file.filename,
        "url": _url(file.filename),
        "hashes": {"sha256": _sha256(file.digest)},
        "size": file.size,
        "upload-time": f"{file.published_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "yanked": _yanked(one),
    }
    if file.requires_python is not None:
        told["requires-python"] = file.requires_python
    if file.metadata_digest is not None:
        told["core-metadata"] = told["dist-info-metadata"] = {"sha256": _sha256(file.metadata_digest)}
    return told


def _link(one: Listed) -> str:
    file, _ = one
    told = [f'href="{escape(_url(file.filename))}#sha256={_sha256(file.digest)}"']
    if file.requires_python is not None:
        told.append(f'data-requires-python="{escape(file.requires_python)}"')
    if file.metadata_digest is not None:
        beside = f"sha256={_sha256(file.metadata_digest)}"
        told += [f'data-core-metadata="{beside}"', f'data-dist-info-metadata="{beside}"']
    yanked = _yanked(one)
    if yanked is not False:
        told.append(f'data-yanked="{escape("" if yanked is True else str(yanked))}"')
    return f"<a {' '.join(told)}>{escape(file.filename)}</a>"


def _json(told: dict[str, Any]) -> bytes:
    return json.dumps({"meta": {"api-version": VERSION}, **told}).encode()


def _html(title: str, links: Sequence[str]) -> bytes:
    head = f'<meta name="pypi:repository-version" content="{VERSION}">\n<title>{escape(title)}</title>'
    body = "".join(f"{link}<br>\n" for link in links)
    return f"<!DOCTYPE html>\n<html>\n<head>\n{head}\n</head>\n<body>\n{body}</body>\n</html>\n".encode()
