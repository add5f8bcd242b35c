"""Python packages made by hand, whole or broken in one way."""

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping


def core_metadata(name: str, version: str, *more: str) -> bytes:
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *more, "", ""]).encode()


def recorded(files: Mapping[str, bytes], folder: str) -> bytes:
    """A RECORD of these files."""
    rows = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(content)}")
    return "\n".join([*rows, f"{folder}/RECORD,,", ""]).encode()


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content, compress_type=compression)
    return held.getvalue()


def wheel_files(name: str, version: str, *more: str, code: bytes = b"ANSWER = 42\n") -> dict[str, bytes]:
    """What a wheel of one module holds, its RECORD last."""
    folder = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": code,
        f"{folder}/METADATA": core_metadata(name, version, *more),
        f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return files | {f"{folder}/RECORD": recorded(files, folder)}


def wheel(name: str, version: str, *more: str, code: bytes = b"ANSWER = 42\n") -> tuple[str, bytes]:
    """The name and content of a wheel that pip installs."""
    return f"{name}-{version}-py3-none-any.whl", zipped(wheel_files(name, version, *more, code=code))


def tarred(files: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", mtime=0) as deflated, tarfile.open(fileobj=deflated, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return held.getvalue()


def sdist(name: str, version: str, *more: str) -> tuple[str, bytes]:
    top = f"{name}-{version}"
    return f"{top}.tar.gz", tarred({f"{top}/PKG-INFO": core_metadata(name, version, *more), f"{top}/a.py": b"A = 1\n"})
