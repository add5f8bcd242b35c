"""Types of package feeds: versions of packages and their files."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar

import strawberry

from providers.packages.values import Ecosystem, FileKind
from schema.connections import Connection, to_many
from schema.mapping import Listing, Node, column, id_column, to_one
from schema.platform import Identity, Module
from schema.scalars import BigInt, Sha256Digest
from services.packaging.publications import PublicationStatus

if TYPE_CHECKING:
    from schema.build_results import BuildResult

strawberry.enum(Ecosystem, name="PackageEcosystem", description="Whose clients install from a feed.")
strawberry.enum(FileKind, name="PackageFileKind", description="What a file of a package is.")
strawberry.enum(
    PublicationStatus, name="PackageStatus", description="UNLISTED is what installers call yanked; FAILED has no file."
)

LazyBuildResult = Annotated["BuildResult", strawberry.lazy("schema.build_results")]
LazyFile = Annotated["PackageFile", strawberry.lazy("schema.packages")]


@strawberry.type(description="One version of a package in a project's feed; it never changes once it is published.")
class PackagePublication(Node):
    """Its files may come one after another."""

    listing: ClassVar = Listing(
        filter=("project_id", "module", "ecosystem", "name", "version_name", "status", "trace_id"),
        contains=("name",),
    )

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    module: Module | None = to_one("module_id", "Module", "The module whose package it is.")
    build_result: LazyBuildResult | None = to_one("build_result_id", "BuildResult", "The build that it came of.")
    ecosystem: Ecosystem = column("ecosystem", "Whose clients install it.")
    name: str = column("name", "The package, as its ecosystem normalises names.")
    version_name: str = column("version_name", "The version, as its ecosystem normalises versions.")
    status: PublicationStatus = column("status", "Where it is in its life.")
    failure: str | None = column("failure", "Why the last file of it was refused.")
    unlisted_reason: str | None = column("unlisted_reason", "What installers are told when it is UNLISTED.")
    published_by: Identity | None = to_one("published_by", "Identity", "Who asked first.")
    published_at: datetime | None = column("published_at", "When its first file could be installed.")
    created_at: datetime = column("created_at", "When it was asked for.")
    updated_at: datetime = column("updated_at", "When it last changed.")
    version: int = column("version", "Counts its changes.")
    trace_id: str = column("trace_id", "The trace it belongs to.")
    files: Connection[LazyFile] = to_many(
        "PackageFile", "publication_id", Connection[LazyFile], "Its files, also those that wait to be looked through."
    )


@strawberry.type(description="A file of a package's version.")
class PackageFile(Node):
    """A wheel or an sdist."""

    project_id: strawberry.ID = id_column("project_id", "Project", "Its project's id.")
    publication: PackagePublication | None = to_one("publication_id", "PackagePublication", "The version it is of.")
    filename: str = column("filename", "Unique in the project.")
    kind: FileKind = column("kind", "What it is.")
    digest: Sha256Digest = column("digest", "sha256 of its content.")
    size: BigInt = column("size", "Bytes.")
    requires_python: str | None = column("requires_python", "The versions of Python that it says it runs on.")
    published_at: datetime | None = column("published_at", "When it could be installed; null while it waits.")
    created_at: datetime = column("created_at", "When it came.")
