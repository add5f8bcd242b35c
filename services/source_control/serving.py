"""Which repository a Git client means; unknown, foreign and out-of-sight ones are all the same."""

from services.actor import Actor, Scope
from services.errors import PreconditionFailed, absent
from services.source_control.repositories import RepositoryStatus
from storage.tables.platform import ProjectRow, TenantRow
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork


async def served(uow: UnitOfWork, actor: Actor, path: tuple[str, str, str], *, writing: bool = False) -> RepositoryRow:
    """The repository of tenant, project and name, when this token may fetch from it, or push to it."""
    tenant_name, project_name, name = path
    tenant = await uow.rows.get(TenantRow, actor.tenant_id)
    row = None
    if tenant is not None and tenant.name == tenant_name:
        project = await uow.rows.find(ProjectRow, name=project_name)
        if project is not None:
            row = await uow.rows.find(RepositoryRow, project_id=project.id, name=name)
    if row is None:
        raise absent("repository", "/".join(path))
    actor.require(Scope.REPOSITORIES_WRITE if writing else Scope.READ)
    if row.status == RepositoryStatus.ARCHIVED and writing:
        raise PreconditionFailed("the repository is archived: it can be fetched from, not pushed to")
    if row.status not in {RepositoryStatus.PROVISIONED, RepositoryStatus.ARCHIVED}:
        raise PreconditionFailed(f"the repository is {row.status}: only a PROVISIONED one is served")
    return row
