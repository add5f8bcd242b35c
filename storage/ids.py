"""Ids: UUIDv7 inside, a readable prefix and 32 hex digits at the edge."""

import re
from typing import Final
from uuid import UUID

import uuid_utils

PREFIXES: Final[dict[str, str]] = {
    "Repository": "repo",
    "Branch": "br",
    "Commit": "cmt",
    "PullRequest": "pr",
    "Review": "rev",
    "Check": "chk",
    "PipelineDefinition": "pdef",
    "PipelineRun": "run",
    "PackagePublication": "pkg",
    "PackageFile": "pfile",
    "BuildResult": "build",
    "BuildArtifact": "bart",
    "FileCoverage": "cov",
    "TestCase": "case",
    "TestCaseResult": "tres",
    "Artifact": "art",
    "Environment": "env",
    "Project": "proj",
    "Module": "mod",
    "Configuration": "conf",
    "Tenant": "ten",
    "Identity": "idn",
    "Token": "tok",
    "DeadLetter": "dead",
    "Event": "evt",
    "Request": "req",
}
TYPES: Final[dict[str, str]] = {prefix: name for name, prefix in PREFIXES.items()}
_SHAPE: Final = re.compile(r"([a-z]+)-([0-9a-f]{32})")


def new_id() -> UUID:
    """A UUIDv7: ids made later in one process sort later."""
    return UUID(int=uuid_utils.uuid7().int)


def public_id(type_name: str, value: UUID) -> str:
    """The outward form, such as ``repo-0192…`` for a Repository."""
    return f"{PREFIXES[type_name]}-{value.hex}"


def parse_id(text: str) -> tuple[str, UUID]:
    """The type name and UUID of an outward id; ValueError says what is wrong with it."""
    match = _SHAPE.fullmatch(text)
    if match is None or match[1] not in TYPES:
        raise ValueError(f"{text[:80]!r} is not an id: expected a prefix such as 'repo-' and 32 lower-case hex digits")
    return TYPES[match[1]], UUID(hex=match[2])
