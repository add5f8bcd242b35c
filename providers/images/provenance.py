"""How an image came to be, as a SLSA v1 provenance within an in-toto statement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from providers.images.bom import BOM
from providers.images.values import canonical

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:slipway:azure-pipelines:v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What is known of a build: where its source is, which commit, which run, and what ran it."""

    name: str
    source: str
    revision: str
    run: str
    builder: str
    started_at: datetime
    finished_at: datetime
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a statement says, once its signature was found good."""

    digests: frozenset[str]
    revision: str
    run: str
    builder: str
    bom: str | None


def statement(made: Made, digest: str, bom: str | None) -> bytes:
    """Of the image of this digest; ``bom`` is the digest of its bill of materials, which so is signed too."""
    algorithm, _, content = digest.partition(":")
    details: dict[str, object] = {
        "builder": {"id": made.builder},
        "metadata": {
            "invocationId": made.run,
            "startedOn": _time(made.started_at),
            "finishedOn": _time(made.finished_at),
        },
    }
    if bom is not None:
        details["byproducts"] = [{"name": "bom", "mediaType": BOM, "digest": {"sha256": bom.partition(":")[2]}}]
    return canonical(
        {
            "_type": STATEMENT,
            "subject": [{"name": made.name, "digest": {algorithm: content}}],
            "predicateType": PREDICATE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": dict(made.parameters),
                    "resolvedDependencies": [{"uri": made.source, "digest": {"gitCommit": made.revision}}],
                },
                "runDetails": details,
            },
        }
    )


def claim(document: Mapping[str, Any]) -> Claim | None:
    """None for another kind of statement, or one that lacks what every one of ours has."""
    if document.get("_type") != STATEMENT or document.get("predicateType") != PREDICATE:
        return None
    try:
        predicate = document["predicate"]
        details = predicate["runDetails"]
        boms = [one["digest"]["sha256"] for one in details.get("byproducts", ()) if one.get("name") == "bom"]
        digests = [
            f"{algorithm}:{content}" for one in document["subject"] for algorithm, content in one["digest"].items()
        ]
        return Claim(
            digests=frozenset(digests),
            revision=str(predicate["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"]),
            run=str(details["metadata"]["invocationId"]),
            builder=str(details["builder"]["id"]),
            bom=f"sha256:{boms[0]}" if boms else None,
        )
    except (KeyError, TypeError, AttributeError, IndexError):
        return None


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
