"""What keeps a node from going on: unmet gates, with who can open each and by which mutation."""

import asyncio
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from services.errors import absent
from services.source_control import blockers as decided
from services.source_control.blockers import Gate

strawberry.enum(Gate, description="What has to be open for a merge.")


@strawberry.type(description="The mutation that would open a gate.")
class Remedy:
    """Its input, as far as it is known; what only you can know is left out."""

    mutation: str = strawberry.field(description="Its name.")
    arguments: JSON = strawberry.field(description="Fields of its input that are known.")


@strawberry.type(description="One unmet gate.")
class Blocker:
    """A tree: a gate may consist of others."""

    gate: Gate = strawberry.field(description="Which gate.")
    why: str = strawberry.field(description="What is not met.")
    who: str = strawberry.field(description="Who can meet it.")
    remedy: Remedy | None = strawberry.field(description="The mutation that would; null when none does.")
    blockers: list[Annotated["Blocker", strawberry.lazy("schema.blockers")]] = strawberry.field(
        description="What it consists of."
    )

    @classmethod
    def of(cls, value: decided.Blocker) -> "Blocker":
        """The value as a type."""
        remedy = value.remedy
        return cls(
            gate=value.gate,
            why=value.why,
            who=value.who,
            remedy=None if remedy is None else Remedy(mutation=remedy.mutation, arguments=JSON(remedy.arguments)),
            blockers=[cls.of(one) for one in value.blockers],
        )


async def pull_request_blockers(info: Info, row: Any) -> list[Blocker]:
    """Read by loaders, in a fixed number of statements for a page of pull requests."""
    loaders = info.context.loaders
    repository = await loaders.one("Repository", row.repository_id)
    if repository is None:
        raise absent("pull request", str(row.number))
    names = ("repository_id", "name")
    source = await loaders.by("Branch", names, (row.repository_id, row.source_branch))
    target = await loaders.by("Branch", names, (row.repository_id, row.target_branch))
    reviews = [node.row for node in await loaders.every("Review", "pull_request_id", row.id)]
    people = await asyncio.gather(*(loaders.one("Identity", who) for who in {one.reviewer_id for one in reviews}))
    situation = decided.Situation(
        pull_request=row,
        repository=repository.row,
        source=None if source is None else source.row,
        target=None if target is None else target.row,
        reviews=reviews,
        names={node.row.id: node.row.name for node in people if node is not None},
    )
    return [Blocker.of(one) for one in decided.blockers(situation)]
