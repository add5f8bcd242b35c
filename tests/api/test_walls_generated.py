"""Tenant and project walls, generated from the schema: foreign and absent look the same, whatever is asked."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, get_named_type, is_object_type
from starlette.applications import Starlette

from resolvers.event_streams import EventStreams
from schema.types import TYPES
from services.actor import Scope
from tests.api.conftest import Client, founded, serving
from tests.api.live import streamed
from tests.api.meanings import EVERY, REACHED, SCHEMA, Reference, Unknown, arguments, is_required, operation, references
from tests.api.seeds import TENANT_WIDE, Seeds, absent, seeded
from tests.conftest import BOTH, new_database

pytestmark = pytest.mark.asyncio(loop_scope="module")
NO_NODE = frozenset({"Event"})  # it has an id, and is read by subscription


@dataclass(frozen=True)
class Wall:
    """Somebody with seeds of their own, and what stands on the other side."""

    asker: Client
    own: Seeds
    foreign: Seeds

    @property
    def unwalled(self) -> frozenset[str]:
        """What the asker sees on both sides."""
        return TENANT_WIDE if self.own.tenant == self.foreign.tenant else frozenset()

    def targets(self, reference: Reference) -> list[str]:
        """What a reference can name on the other side."""
        named = self.foreign.types if reference.target == EVERY else [reference.target]
        return [name for name in named if name.split(".")[0] not in self.unwalled]

    def masked(self, text: str, value: str = "") -> str:
        """The answer apart from what was given; nothing else in it tells of the other side."""
        told = text.replace(value, "GIVEN") if value else text
        for trace in self.foreign.traces(self.own):
            assert trace not in told, f"tells {trace}: {told[:600]}"
        return told


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BOTH)
async def sides(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """Two tenants, the first with two projects; each with a row of every type."""
    folder: Path = tmp_path_factory.mktemp("walls")
    async with founded(folder, new_database(request, request.param, folder)) as operator:
        operator.slipway.streams = EventStreams(
            operator.slipway.feeds, operator.slipway.sessions, heartbeat_seconds=0.02
        )
        first, second = await operator.tenant("ta001-tenant"), await operator.tenant("tb002-tenant")
        foreign = await seeded(first, "ta001", "px001")
        beside = await seeded(first, "ta001", "py002")
        other = await seeded(second, "tb002", "pz003")
        limited = await first.limited(beside.values["Project"], [scope.name for scope in Scope])
        yield {"tenant": Wall(second, other, foreign), "project": Wall(limited, beside, foreign)}


@pytest.fixture(params=["tenant", "project"])
def wall(request: pytest.FixtureRequest, sides: dict[str, Wall]) -> Wall:
    return sides[request.param]


def fields(*names: str) -> Iterator[tuple[GraphQLObjectType, str, Any, list[Reference]]]:
    """Every field of these types (of every other type without names) with what its arguments refer to."""
    roots = {"Query", "Mutation", "Subscription"}
    for kind in SCHEMA.type_map.values():
        if not is_object_type(kind) or kind.name.startswith("__"):
            continue
        if kind.name in names if names else kind.name not in roots:
            for name, declared in kind.fields.items():
                found = list(references(kind.name if kind.name == "Mutation" else f"{kind.name}.{name}", declared.args))
                if found:
                    yield kind, name, declared, found


async def test_the_tables_know_every_argument() -> None:
    unknown = []
    for kind in SCHEMA.type_map.values():
        fields_of = kind.fields if is_object_type(kind) and not kind.name.startswith("__") else {}
        for name, declared in fields_of.items():
            owner = kind.name if kind.name == "Mutation" else f"{kind.name}.{name}"
            for member, argument in declared.args.items():
                try:
                    list(references(owner, {member: argument}))
                except Unknown as error:
                    unknown.append(str(error))
    assert not unknown, "\n".join(sorted(set(unknown)))


async def test_every_type_stands_on_both_sides(sides: dict[str, Wall]) -> None:
    missing = sorted(set(TYPES) - set(sides["tenant"].foreign.types))
    assert not missing, f"add a row of {', '.join(missing)} to seeded() in tests/api/seeds.py"


async def asked(wall: Wall, kind: Any, name: str, declared: Any, path: tuple[str, ...], value: str) -> str:
    """The whole answer to the field with this value at the path, and the asker's own everywhere else."""
    given = arguments(f"{kind.name}.{name}", declared.args, wall.own, path, value)
    query, variables = operation("query", kind.name, name, declared, given)
    if kind.name in TYPES:
        variables["node"] = wall.own.values[kind.name]
    answer = (await wall.asker.raw(query, variables)).text
    assert "INTERNAL" not in answer, answer
    return answer


def about(kind: Any, name: str, declared: Any, reference: Reference) -> str:
    """What the reference is a member of: the field, or an input object that several fields take."""
    argument, *below = reference.path
    owner = get_named_type(declared.args[argument].type).name if below else f"{kind.name}.{name}"
    return ".".join([owner, *(below or reference.path)])


async def test_no_query_reaches_beyond_the_wall(wall: Wall) -> None:
    wrong: list[str] = []
    seen: set[str] = set()
    unseen: dict[str, str] = {}
    for kind, name, declared, found in (*fields("Query"), *fields()):
        where = f"{kind.name}.{name}"
        assert kind.name in {*TYPES, *REACHED, "Query"}, f"{where} refers to something: add {kind.name} to REACHED"
        for reference, target in ((one, target) for one in found for target in wall.targets(one)):
            values = [wall.foreign.values[target], absent(target, wall.foreign.values[target])]
            texts = [await asked(wall, kind, name, declared, reference.path, value) for value in values]
            there, nothing = (wall.masked(text, value) for text, value in zip(texts, values, strict=True))
            if there != nothing:
                wrong.append(f"{where} {reference.path} tells a foreign {target}:\n  {there}\n  {nothing}")
            if (member := about(kind, name, declared, reference)) not in seen and target not in NO_NODE:
                own = await asked(wall, kind, name, declared, reference.path, wall.own.values[target])
                if own.replace(wall.own.values[target], "GIVEN") == nothing:
                    unseen[member] = f"{target}: {own}"
                else:
                    seen.add(member)
    assert not wrong, "\n".join(wrong)
    blind = {member: told for member, told in unseen.items() if member not in seen}
    assert not blind, f"of one's own nothing is found either: does REFERENCES say what they are? {blind}"


async def test_no_list_tells_of_what_is_beyond_the_wall(wall: Wall) -> None:
    for name, declared in SCHEMA.query_type.fields.items():  # type: ignore[union-attr]  # it has one
        if not any(is_required(argument) for argument in declared.args.values()):
            given = arguments(f"Query.{name}", declared.args, wall.own)
            query, variables = operation("query", "Query", name, declared, given)
            wall.masked((await wall.asker.raw(query, variables)).text)


async def test_no_mutation_reaches_beyond_the_wall(wall: Wall) -> None:
    wrong = []
    for _, name, declared, found in fields("Mutation"):
        for reference in found:
            for target in wall.targets(reference):
                told = []
                for value in (wall.foreign.values[target], absent(target, wall.foreign.values[target])):
                    given = arguments("Mutation", declared.args, wall.own, reference.path, value)
                    query, variables = operation("mutation", "Mutation", name, declared, given)
                    response = await wall.asker.raw(query, variables)
                    told.append(wall.masked(response.text, value))
                    payload = response.json()["data"][name]
                errors = [(error["code"], error["field"]) for error in payload["errors"]]
                if told[0] != told[1] or payload["events"] or errors != [("NOT_FOUND", reference.path[1])]:
                    wrong.append(f"{name}({'.'.join(reference.path)}) of a foreign and an absent {target}:\n  {told}")
    assert not wrong, "\n".join(wrong)


async def test_no_subscription_reaches_beyond_the_wall(wall: Wall) -> None:
    asked = [
        (name, declared, reference, target)
        for _, name, declared, found in fields("Subscription")
        for reference in found
        for target in wall.targets(reference)
    ]
    async with serving(wall.asker.slipway) as url:

        async def heard(name: str, declared: Any, reference: Reference, value: str) -> str:
            given = arguments(f"Subscription.{name}", declared.args, wall.own, reference.path, value)
            return wall.masked(await _heard(wall, url, name, declared, given), value)

        for name, declared, reference, target in asked:
            value = wall.foreign.values[target]
            both = (heard(name, declared, reference, one) for one in (value, absent(target, value)))
            there, nothing = await asyncio.gather(*both)
            assert there == nothing, (name, reference, target)


async def test_the_whole_stream_tells_nothing_of_what_is_beyond_the_wall(wall: Wall) -> None:
    declared = SCHEMA.subscription_type.fields["events"]  # type: ignore[union-attr]  # it has one
    async with serving(wall.asker.slipway) as url:
        text = await _heard(wall, url, "events", declared, {})
    assert wall.own.values["Repository"] in wall.masked(text)


async def _heard(wall: Wall, url: str, name: str, declared: Any, given: dict[str, Any]) -> str:
    """All that a subscription says until it has seen the whole stream, or ends."""
    if "from" in declared.args:
        given = given | {"from": "BEGINNING"}
    query, variables = operation("subscription", "Subscription", name, declared, given)
    head = await wall.asker.slipway.hub.head((await wall.asker.slipway.authenticate(wall.asker.token)).access)
    heard = ""
    async with streamed(url, wall.asker.token, query, **variables) as events:
        while True:
            block = await events.block()
            heard += block.get("data", "")
            if block.get("event") == "complete" or block.get("id") == f"e{head:x}":
                return heard


GIT = ("info/refs?service=git-upload-pack", "info/refs?service=git-receive-pack", "git-upload-pack", "git-receive-pack")
# Every address beside /graphql: what tells nothing of a tenant, and what is tried across both walls by a test here.
OPEN = {"/", "/healthz", "/readyz", "/login", "/logout", "/explorer/{name}", "/v2/"}
PYPI = ("simple/", "simple/{package}", "simple/{package}/", "files/{filename}", "legacy/")  # tried in test_packages.py
WALLED = {f"/git/{{tenant}}/{{project}}/{{name}}.git/{rest}" for rest in ("info/refs", *GIT[2:])}
WALLED |= {"/uploads", "/artifacts/{id}"}
V2 = ("blobs/{digest}", "blobs/uploads/", "blobs/uploads/{upload}", "manifests/{reference}", "referrers/{digest}")
WALLED |= {f"/v2/{{name:path}}/{rest}" for rest in (*V2, "tags/list")}  # tried in test_registry.py
WALLED |= {f"/pypi/{{tenant}}/{{project}}/{rest}" for rest in PYPI}


async def test_every_address_is_known_to_be_open_or_walled(sides: dict[str, Wall]) -> None:
    unknown = _addresses(sides["tenant"].asker.slipway.app()) - OPEN - WALLED
    assert not unknown, f"add {unknown} to OPEN, or to WALLED with a test that tries them across both walls"


def _addresses(app: Any) -> set[str]:
    """Of every route beneath these layers of the app."""
    if isinstance(app, Starlette):
        return {getattr(route, "path", "") for route in app.routes}
    inner = (value for name, value in vars(app).items() if name in {"_app", "_rest", "app"})
    return set().union(*map(_addresses, inner))


async def test_no_upload_reaches_beyond_the_wall(wall: Wall) -> None:
    headers, told = {"Authorization": f"Bearer {wall.asker.token}"}, []
    for values in (wall.foreign.values, {"Project.name": absent("Project.name", "")}):
        given = {"project": values["Project.name"]}
        response = await wall.asker.http.post("/uploads", content=b"x", params=given, headers=headers)
        told.append(f"{response.status_code} {response.text.replace(given['project'], 'GIVEN')}")
    assert told[0] == told[1]
    assert told[0].startswith("404 ")


async def test_no_artifact_is_read_beyond_the_wall(wall: Wall) -> None:
    headers, told = {"Authorization": f"Bearer {wall.asker.token}"}, []
    foreign = wall.foreign.values["BuildArtifact"]
    for given in (foreign, absent("BuildArtifact", foreign), "run-1", wall.foreign.values["BuildResult"]):
        response = await wall.asker.http.get(f"/artifacts/{given}", headers=headers)
        told.append((response.status_code, response.text))
    assert told == [told[1]] * 4
    assert told[0][0] == 404
    own = await wall.asker.http.get(f"/artifacts/{wall.own.values['BuildArtifact']}", headers=headers)
    assert (own.status_code, own.text) == (200, f"{wall.own.marker} built")


@pytest.mark.parametrize("rest", GIT)
async def test_no_git_path_reaches_beyond_the_wall(wall: Wall, rest: str) -> None:
    names = ("Tenant.name", "Project.name", "Repository.name")
    told = []
    for part in range(3):
        for of in (wall.foreign.values, {name: absent(name, "") for name in names}):
            if wall.own.values[names[part]] == of[names[part]]:
                continue
            path = [of[name] if at >= part else wall.own.values[name] for at, name in enumerate(names)]
            told.append(await _git(wall, path, rest))
    assert len(set(told)) == 1, told
    assert told[0].startswith("404 ")
    assert (await _git(wall, [wall.own.values[name] for name in names], rest)).startswith("200 ")


async def _git(wall: Wall, path: list[str], rest: str) -> str:
    url = f"/git/{'/'.join(path)}.git/{rest}"
    headers = {"Authorization": f"Bearer {wall.asker.token}"}
    if "?" in rest:
        response = await wall.asker.http.get(url, headers=headers)
    else:
        headers["Content-Type"] = f"application/x-{rest}-request"
        response = await wall.asker.http.post(url, headers=headers, content=b"0000")
    return f"{response.status_code} {response.text.replace('/'.join(path), 'GIVEN')}"
