"""ProtectBranch: whether a branch moves by merged pull requests only, and how many approvals they need.

Tightening needs devops.repositories.write; loosening (unprotecting, or fewer approvals) needs devops.admin, so that
whoever is held by a protection cannot lift it. The default branch is protected from its first commit.
"""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.actor import Actor, Needs, Scope
from services.changes import KEEP, Keep
from services.errors import InvalidInput, absent
from services.events.event import record
from services.events.source_control import BranchProtected
from services.source_control.commits import writable
from storage.tables.source_control import BranchRow, RepositoryRow
from storage.unit_of_work import UnitOfWork

MOST_REVIEWS = 10


@dataclass(frozen=True, kw_only=True)
class ProtectBranch:
    """``required_reviews`` None is as many as the repository asks for."""

    needs: ClassVar = Needs(scope=Scope.REPOSITORIES_WRITE)
    repository_id: UUID
    name: str
    is_protected: bool = True
    required_reviews: int | Keep | None = KEEP


class ProtectionService:
    """Decides of protected branches."""

    async def protect(self, uow: UnitOfWork, actor: Actor, command: ProtectBranch) -> BranchRow:
        """The branch; protecting it as it is changes nothing."""
        actor.require(command.needs)
        repository = await writable(uow, command.repository_id)
        found = await uow.rows.find(BranchRow, repository_id=repository.id, name=command.name)
        row = None if found is None else await uow.rows.get(BranchRow, found.id, lock=True)
        if row is None:
            raise absent("branch", command.name, field="name")
        before = (row.is_protected, row.required_reviews, required_reviews(repository, row))
        row.is_protected = command.is_protected
        row.required_reviews = _reviews(command, row.required_reviews)
        if (not row.is_protected and before[0]) or required_reviews(repository, row) < before[2]:
            actor.require(Scope.ADMIN)
        if (row.is_protected, row.required_reviews) != before[:2]:
            event = BranchProtected(
                repository_id=repository.id,
                name=row.name,
                is_protected=row.is_protected,
                required_reviews=row.required_reviews,
            )
            record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=repository.module_id)
        return row


def required_reviews(repository: RepositoryRow, target: BranchRow) -> int:
    """The approvals that a merge into the branch needs; none where it may be committed to directly."""
    if not target.is_protected:
        return 0
    return repository.required_reviews if target.required_reviews is None else target.required_reviews


def _reviews(command: ProtectBranch, before: int | None) -> int | None:
    wanted = before if command.required_reviews is KEEP else command.required_reviews
    if not command.is_protected:
        if command.required_reviews is not KEEP and wanted is not None:
            raise InvalidInput("only a protected branch requires reviews: leave it out", field="requiredReviews")
        return None
    if wanted is not None and not 0 <= wanted <= MOST_REVIEWS:
        raise InvalidInput(f"requiredReviews is 0 to {MOST_REVIEWS}", field="requiredReviews")
    return wanted
