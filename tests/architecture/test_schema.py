"""The committed SDL is the one that is served, described throughout, with a scope on each mutation."""

import schema
from cli.schema import SNAPSHOT
from resolvers.masking import graphql_schema
from tests.architecture.test_sizes import ROOT


def test_the_schema_package_is_ours() -> None:
    assert schema.__file__ == str(ROOT / "schema" / "__init__.py")


def test_the_committed_sdl_is_what_is_served() -> None:
    assert graphql_schema.as_str() + "\n" == SNAPSHOT.read_text()


def test_every_type_and_output_field_has_a_description() -> None:
    bare = []
    for name, kind in graphql_schema._schema.type_map.items():
        if name.startswith("__") or getattr(kind, "fields", None) is None or name in {"Query", "Mutation"}:
            continue
        if not kind.description and name not in {"Query", "Mutation"}:
            bare.append(name)
        if not name.endswith("Input"):
            bare += [f"{name}.{field}" for field, told in kind.fields.items() if not told.description]  # type: ignore[attr-defined]
    assert bare == []


def test_every_mutation_names_its_scope() -> None:
    mutations = graphql_schema._schema.mutation_type
    assert mutations is not None
    assert [name for name, field in mutations.fields.items() if "Scope: devops." not in (field.description or "")] == []
