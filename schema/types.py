"""Every type with a row, literally: what ``node`` resolves and loaders wrap."""

from typing import Final

from schema.mapping import Node
from schema.platform import Artifact, Identity, Module, Project, Tenant, Token
from storage.tables.platform import ArtifactRow, IdentityRow, ModuleRow, ProjectRow, TenantRow, TokenRow
from storage.tables.scoped import TenantScoped

TYPES: Final[dict[str, tuple[type[Node], type[TenantScoped]]]] = {
    "Artifact": (Artifact, ArtifactRow),
    "Identity": (Identity, IdentityRow),
    "Module": (Module, ModuleRow),
    "Project": (Project, ProjectRow),
    "Tenant": (Tenant, TenantRow),
    "Token": (Token, TokenRow),
}
