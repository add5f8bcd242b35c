"""Every type with a row, literally: what ``node`` resolves and loaders wrap."""

from typing import Final

from schema.mapping import Node
from schema.platform import Artifact, Identity, Module, Project, Tenant, Token
from schema.source_control import Branch, Commit, Repository
from storage.tables.platform import ArtifactRow, IdentityRow, ModuleRow, ProjectRow, TenantRow, TokenRow
from storage.tables.scoped import TenantScoped
from storage.tables.source_control import BranchRow, CommitRow, RepositoryRow

TYPES: Final[dict[str, tuple[type[Node], type[TenantScoped]]]] = {
    "Artifact": (Artifact, ArtifactRow),
    "Branch": (Branch, BranchRow),
    "Commit": (Commit, CommitRow),
    "Identity": (Identity, IdentityRow),
    "Module": (Module, ModuleRow),
    "Project": (Project, ProjectRow),
    "Repository": (Repository, RepositoryRow),
    "Tenant": (Tenant, TenantRow),
    "Token": (Token, TokenRow),
}
