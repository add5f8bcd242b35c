"""Bad input, generated from the schema: whatever takes a value tells what is wrong with it, and nothing is written."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_asyncio
from graphql import get_named_type, is_enum_type, is_input_object_type, is_object_type
from sqlalchemy import Engine

from schema.types import TYPES
from tests.api.conftest import Client, founded
from tests.api.meanings import REACHED, SCHEMA, arguments, operation
from tests.api.seeds import Seeds, seeded
from tests.api.untouched import stored
from tests.conftest import BOTH, new_database, outsider

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT: Any = SCHEMA.mutation_type
UNREACHED = {"Tree"}  # its arguments are those of every list, and its own tests try them
_HEX = "0192" * 8
BAD: Final[dict[str, list[Any]]] = {
    "ID": [
        "",
        "x",
        f"chk-{_HEX}",
        f"nope-{_HEX}",
        f"repo-{_HEX.upper()}F",
        f"mod-{_HEX}\n",
        "\0",
        "mod-" + "0" * 9_000,
    ],
    "String": ["\0", "a\0b", "a\x1b[2Jb", "a" * 100_000, 1, ["a", 1]],
    "GitSha": ["", "HEAD", "A" * 40, "0" * 39, "0" * 40 + "\n", "\0" * 40, 7],
    "Sha256Digest": ["", "0" * 64, "md5:" + "0" * 32, "sha256:" + "A" * 64, "sha256:" + "0" * 63],
    "Int": [-1, -(2**31), 2**31 - 1, 2**31, 1.5, "1"],
    "Boolean": ["true", 1],
    "DateTime": ["", "yesterday", "2030-01-31", "2030-02-30T00:00:00Z", "9999-12-31T23:59:59-23:59", 5],
}
# What may hold anything that JSON can.
FREE = {"FileChangeInput.content"}
CLIENT = {"INVALID_INPUT", "INVALID_VARIABLES", "INVALID_CURSOR", "NOT_FOUND"}


@dataclass(frozen=True)
class Office:
    """An admin with a project that has everything in it, and what is stored before anything is asked."""

    admin: Client
    seeds: Seeds
    engine: Engine
    before: dict[str, str]

    def changed(self) -> list[str]:
        """The tables and repositories that are not as they were when last asked."""
        now = stored(self.engine, self.admin.slipway.settings.data / "git")
        found = sorted(name for name in {*now, *self.before} if now.get(name) != self.before.get(name))
        self.before.clear()
        self.before.update(now)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BOTH)
async def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("bad")
    url = new_database(request, request.param, folder)
    async with founded(folder, url) as operator:
        seeds = await seeded(operator, "to000", "po000")
        engine = outsider(url)
        yield Office(operator, seeds, engine, stored(engine, operator.slipway.settings.data / "git"))
        engine.dispose()


def leaves(owner: str, members: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every place below these arguments that holds a value of its own."""
    for member, declared in members.items():
        kind = get_named_type(declared.type)
        if is_input_object_type(kind):
            yield from leaves(kind.name, kind.fields, (*path, member))
        elif f"{owner}.{member}" not in FREE:
            yield (*path, member), kind


def bad(kind: Any) -> list[Any]:
    """Values that this type, or who takes it, cannot let pass."""
    return ["NOPE", "", 1] if is_enum_type(kind) else BAD[kind.name]


def told(answer: Mapping[str, Any], path: tuple[str, ...]) -> str | None:
    """What is missing from a top-level refusal."""
    for error in answer["errors"]:
        code, field = error["extensions"]["code"], error["extensions"].get("field")
        if code == "LIMIT_EXCEEDED" and error["extensions"]["limit"] == "cost":
            continue
        if code not in CLIENT:
            return f"code {code}: {error['message'][:300]}"
        if code != "INVALID_VARIABLES" and (field is None or field.split(".")[-1] not in path):
            return f"field {field}: {error['message'][:300]}"
        if code == "INVALID_VARIABLES" and f"'${path[0]}'" not in error["message"]:
            return f"no variable: {error['message'][:300]}"
    return None


def refused(answer: Mapping[str, Any], name: str, path: tuple[str, ...]) -> str | None:
    """Why the answer is not a refusal that names the member, or None when it is."""
    if answer.get("data") is None:
        return told(answer, path)
    payload = answer["data"][name]
    fields = [error["field"] for error in payload["errors"]]
    codes = {error["code"] for error in payload["errors"]}
    if fields != [path[1]] or not codes <= {"INVALID_INPUT", "NOT_FOUND", "CONFLICT"} or payload["events"]:
        return str(payload["errors"] or "it passed")
    return None if payload["errors"][0]["message"] else "no message"


@pytest.mark.parametrize("name", ROOT.fields)
async def test_a_mutation_tells_what_is_wrong_with_each_field_and_writes_nothing(office: Office, name: str) -> None:
    wrong = []
    for path, kind in leaves("Mutation", ROOT.fields[name].args):
        for value in bad(kind):
            given = arguments("Mutation", ROOT.fields[name].args, office.seeds, path, value)
            answer = (await office.admin.raw(*operation("mutation", "Mutation", name, ROOT.fields[name], given))).json()
            if (why := refused(answer, name, path)) is not None:
                wrong.append(f"{'.'.join(path)} {str(value)[:60]!r}: {why}")
        if changed := office.changed():
            wrong.append(f"{'.'.join(path)} left something in {', '.join(changed)}")
    assert not wrong, "\n".join(wrong)


def fields() -> list[tuple[str, str]]:
    """Every field with arguments that is reached from the query root or by ``node(id:)``."""
    reached = {"Query", *REACHED, *TYPES}
    kinds = [kind for kind in SCHEMA.type_map.values() if is_object_type(kind) and kind.name not in UNREACHED]
    found = [(kind.name, name) for kind in kinds for name, declared in kind.fields.items() if declared.args]
    missed = {owner for owner, _ in found} - reached - {"Mutation", "Subscription"}
    assert not any(not owner.startswith("__") for owner in missed), f"not reached: {missed}"
    return [(owner, name) for owner, name in found if owner in reached]


@pytest.mark.parametrize(("owner", "name"), fields())
async def test_a_query_tells_what_is_wrong_with_each_argument(office: Office, owner: str, name: str) -> None:
    wrong = []
    declared = SCHEMA.type_map[owner].fields[name]  # type: ignore[attr-defined]  # an object type
    for path, kind in leaves(f"{owner}.{name}", declared.args):
        for value in bad(kind):
            given = arguments(f"{owner}.{name}", declared.args, office.seeds, path, value)
            query, variables = operation("query", owner, name, declared, given)
            variables |= {"node": office.seeds.values[owner]} if owner in TYPES else {}
            answer = (await office.admin.raw(query, variables)).json()
            if "errors" in answer and (why := told(answer, path)) is not None:
                wrong.append(f"{'.'.join(path)} {str(value)[:60]!r}: {why}")
    if changed := office.changed():
        wrong.append(f"left something in {', '.join(changed)}")
    assert not wrong, "\n".join(wrong)


LISTS = [(owner, name) for owner, name in fields() if "last" in SCHEMA.type_map[owner].fields[name].args]  # type: ignore[attr-defined]  # as above
PAGES: Final[list[tuple[dict[str, Any], str]]] = [
    ({"first": 0}, "first"),
    ({"first": -1}, "first"),
    ({"first": 101}, "first"),
    ({"last": 0}, "last"),
    ({"last": -5}, "last"),
    ({"last": 101}, "last"),
    ({"first": 1, "last": 1}, "last"),
    ({"after": "x"}, "after"),
    ({"after": "WyJpZCIsbnVsbCwieCJd"}, "after"),
    ({"before": "////"}, "before"),
    ({"after": ""}, "after"),
]


@pytest.mark.parametrize(("owner", "name"), LISTS)
async def test_a_page_that_cannot_be_is_refused(office: Office, owner: str, name: str) -> None:
    declared = SCHEMA.type_map[owner].fields[name]  # type: ignore[attr-defined]  # as above
    for given, field in PAGES:
        query, variables = operation("query", owner, name, declared, given)
        variables |= {"node": office.seeds.values[owner]} if owner in TYPES else {}
        (error,) = (await office.admin.raw(query, variables)).json()["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID_INPUT", field), (given, error)
