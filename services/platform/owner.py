"""Tokens for whoever owns the data folder: they hold the issuer's key, so they need no token to ask with."""

from dataclasses import dataclass
from datetime import timedelta

from services.actor import Scope
from services.errors import absent
from services.platform.identities import IdentityService, IssueToken, check_terms
from storage.tables.platform import IdentityRow, ProjectRow
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class IssueNamedToken:
    """As IssueToken, by names; no projects reach every project of the tenant."""

    identity: str
    projects: tuple[str, ...]
    name: str
    scopes: tuple[Scope, ...]
    lifetime: timedelta


async def issue_as_owner(uow: UnitOfWork, identities: IdentityService, command: IssueNamedToken) -> str:
    """The token; its event names no actor."""
    identity = await uow.rows.find(IdentityRow, name=command.identity)
    if identity is None:
        raise absent("identity", command.identity, field="identity")
    projects = []
    for name in command.projects:
        project = await uow.rows.find(ProjectRow, name=name)
        if project is None:
            raise absent("project", name, field="project")
        projects.append(project.id)
    wanted = IssueToken(
        identity_id=identity.id,
        name=command.name,
        scopes=command.scopes,
        project_ids=tuple(projects) or None,
        lifetime=command.lifetime,
    )
    check_terms(wanted)
    _, secret = identities.grant(uow, identity, wanted)
    return secret
