"""Scopes, generated from the schema: what a mutation declares is what it needs, and what ``viewer.can`` answers by."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from resolvers.commands import needs_of
from resolvers.root import Mutation
from services.actor import Needs, Scope
from tests.api.conftest import Client, founded
from tests.api.meanings import SCHEMA, arguments, operation, references, standing
from tests.api.seeds import Seeds, seeded
from tests.conftest import new_database

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT: Any = SCHEMA.mutation_type
QUERIES: Any = SCHEMA.query_type
ENDING = ("archive", "close", "delete", "merge", "revoke")  # tried last: what they end is what the others change
MUTATIONS = sorted(ROOT.fields, key=lambda name: name.startswith(ENDING))
TENANTS = "createTenant"  # for the operator alone


@dataclass(frozen=True)
class Office:
    """Who issues tokens of one tenant, and a project with everything in it."""

    admin: Client
    seeds: Seeds

    async def token(self, *scopes: Scope, projects: list[str] | None = None) -> Client:
        fields = {"identityId": self.seeds.values["Human"], "name": "t", "scopes": [scope.name for scope in scopes]}
        made = await self.admin.done("issueToken", "secret", **fields, projectIds=projects)
        return Client(self.admin.slipway, made["secret"])

    async def refusals(self, client: Client, name: str) -> list[str]:
        """The codes that the mutation answers with the seeds' arguments, which pass."""
        given = arguments("Mutation", ROOT.fields[name].args, self.seeds)
        answer = await client.raw(*operation("mutation", "Mutation", name, ROOT.fields[name], given))
        return [error["code"] for error in answer.json()["data"][name]["errors"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def offices(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    folder = tmp_path_factory.mktemp("scopes")
    async with founded(folder, new_database(request, "sqlite", folder)) as operator:
        own = Office(operator, await seeded(operator, "to000", "po000"))
        admin = await operator.tenant("ta001-tenant")
        yield {True: own, False: Office(admin, await seeded(admin, "ta001", "px001"))}


def needed(name: str) -> Needs:
    found = needs_of(Mutation, name)
    assert found is not None, (
        f"declare {name} with @mutation(<its command>, ...) of resolvers/commands.py, and `needs` in the command"
    )
    return found


@pytest.mark.parametrize("name", QUERIES.fields)
async def test_a_query_needs_only_to_read_unless_it_says_so(offices: dict[bool, Office], name: str) -> None:
    office, declared = offices[False], QUERIES.fields[name]
    found = list(references(f"Query.{name}", declared.args))
    given = arguments(f"Query.{name}", declared.args, office.seeds)
    if found and not found[-1].path[1:]:
        value = standing(office.seeds, found[-1].target)
        given = arguments(f"Query.{name}", declared.args, office.seeds, found[-1].path, value)
    reader = await office.token(Scope.READ)
    answer = (await reader.raw(*operation("query", "Query", name, declared, given))).json()
    codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
    assert codes == (["FORBIDDEN"] if "Scope: " in declared.description else [])


@pytest.mark.parametrize("name", MUTATIONS)
async def test_a_mutation_tells_its_scope(name: str) -> None:
    assert ROOT.fields[name].description.endswith(f"Scope: {needed(name).scope.value}.")


@pytest.mark.parametrize("name", MUTATIONS)
async def test_a_mutation_passes_with_its_scope_alone_and_not_without(offices: dict[bool, Office], name: str) -> None:
    office, needs = offices[name == TENANTS], needed(name)
    without = await office.token(*(scope for scope in Scope if scope not in {needs.scope, Scope.ADMIN}))
    assert await office.refusals(without, name) == ["FORBIDDEN"]
    alone = await office.refusals(await office.token(needs.scope), name)
    assert not {"FORBIDDEN", "INVALID_INPUT", "NOT_FOUND"} & set(alone), alone


@pytest.mark.parametrize("name", MUTATIONS)
async def test_can_answers_what_the_mutation_does(offices: dict[bool, Office], name: str) -> None:
    can = "query($name: String!) { viewer { can(mutation: $name) { allowed reason } } }"
    for office in offices.values():
        limits = [None, [office.seeds.values["Project"]]]
        for scopes in ([Scope.READ], [needed(name).scope], [Scope.ADMIN]):
            for projects in limits:
                client = await office.token(*scopes, projects=projects)
                told = (await client.ask(can, name=name))["viewer"]["can"]
                refused = "FORBIDDEN" in await office.refusals(client, name)
                assert (told["allowed"], told["reason"] is None) == (not refused, not refused), (scopes, projects, told)
