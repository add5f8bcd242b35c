"""How documents are measured, priced and remembered."""

from typing import Any

import pytest
from graphql import FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode, build_schema, parse

from resolvers.cost import cost, price_of
from resolvers.documents import Documents
from resolvers.masking import graphql_schema
from resolvers.refusals import Code, Refused
from resolvers.shape import Shape, shape
from schema.limits import Limits, limits_of

SCHEMA = build_schema("""
type Query { repositories(first: Int, last: Int): Repositories  nodes(ids: [ID!]!): [Node]!  me: Run  search: Found }
type Repositories { nodes: [Repository!]!  edges: [Edge!]!  totalCount: Int! }
type Edge { cursor: String!  node: Repository! }
interface Node { id: ID! }
union Found = Run | Repository
type Repository implements Node { id: ID!  name: String!  tags: [String!]!  runs(first: Int, last: Int): Runs! }
type Runs { nodes: [Run!]! }
type Run implements Node { id: ID!  number: Int!  status: String!  result: Result  next: Run  steps: [Result!]! }
type Result { id: ID!  passed: Int!  failed: Int!  skipped: Int! }
""")


def priced(document: str, schema: GraphQLSchema = SCHEMA, **variables: Any) -> int:
    parsed = parse(document)
    operation = next(d for d in parsed.definitions if isinstance(d, OperationDefinitionNode))
    fragments = {d.name.value: d for d in parsed.definitions if isinstance(d, FragmentDefinitionNode)}
    return cost(price_of(schema, operation, fragments), variables)


PAGE_OF_RUNS = """{ repositories(first: 50) { nodes { id name
    runs(first: 20) { nodes { id number status result { id passed failed skipped } next { __typename } } } } } }"""


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("{ __typename }", 1),
        ("{ me { id number } }", 4),
        ("{ me { result { id } } }", 5),
        ("{ a: me { id } b: me { id } }", 6),
        ("{ repositories(first: 10) { totalCount } }", 3),
        ("{ repositories(first: 10) { nodes { id } } }", 2 + 10 * 3),
        ("{ repositories(last: 10) { edges { cursor node { id } } } }", 2 + 10 * (2 + 1 + 3)),
        ("{ repositories(first: 3) { nodes { id tags } totalCount } }", 2 + 3 * (2 + 2) + 1),
        ("{ repositories { nodes { id } } }", 2 + 50 * 3),
        ("{ repositories(first: -5) { nodes { id } } }", 2),
        ("{ repositories(first: 10) { nodes { runs(first: 5) { nodes { id } } } } }", 2 + 10 * (2 + 2 + 5 * 3)),
        ("{ me { steps { id } } }", 2 + 3),
        ("{ nodes(ids: [1, 2, 3]) { id } }", 3 * 3),
        ("{ me { ...F } } fragment F on Run { id number }", 4),
        ("{ repositories(first: 4) { ...F } } fragment F on Repositories { nodes { id } totalCount }", 2 + 4 * 3 + 1),
        ("{ search { ... on Run { id } ... on Repository { id name } } }", 2 + 1 + 2),
        ("{ me { ... @include(if: false) { id } } }", 3),
        (PAGE_OF_RUNS, 2 + 50 * (2 + 2 + 2 + 20 * (2 + 3 + 2 + 4 + 2 + 1))),
    ],
)
def test_an_object_costs_2_and_a_scalar_1_times_the_page_size(document: str, value: int) -> None:
    assert priced(document) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ('lineage(id: "x") { nodes { id } truncated }', 2 + 100 * 3 + 1),
        ('lineage(id: "x", depth: 2, first: 10) { nodes { id } edges { type from } }', 2 + 10 * (3 + 4 * 4)),
        ('lineage(id: "x", first: $n) { nodes { id } }', 2 + 100 * 3),
        ('lineagePath(from: "x", to: "x") { nodes { id } }', 2 + 16 * 3),
        ('lineagePath(from: "x", to: "x", depth: 3) { nodes { id } edges { type } }', 2 + 3 * (3 + 4 * 3)),
    ],
)
def test_lineage_costs_by_its_nodes_with_four_edges_each(field: str, value: int) -> None:
    assert priced(f"query($n: Int!) {{ {field} }}", graphql_schema._schema) == value


@pytest.mark.parametrize(
    ("variables", "value"),
    [({"n": 10}, 32), ({}, 2 + 7 * 3), ({"n": None}, 2 + 7 * 3), ({"n": "x"}, 2 + 7 * 3), ({"n": -1}, 2)],
)
def test_a_page_size_may_be_a_variable(variables: dict[str, Any], value: int) -> None:
    assert priced("query($n: Int = 7) { repositories(first: $n) { nodes { id } } }", **variables) == value


def test_nested_sizes_and_lists_of_ids_are_multiplied_from_variables() -> None:
    document = """query($n: Int, $m: Int, $ids: [ID!]!) { nodes(ids: $ids) { id }
        repositories(first: $n) { nodes { runs(first: $m) { nodes { id } } } } }"""
    assert priced(document, n=10, m=5, ids=["a", "b"]) == 2 * 3 + 2 + 10 * (2 + 2 + 5 * 3)


@pytest.mark.parametrize("size", ["10", "$n"])
def test_an_explosion_of_fragments_is_counted_without_being_walked(size: str) -> None:
    levels = 60
    fragments = [
        f"fragment F{n} on Run {{ a: next {{ ...F{n + 1} }} b: next {{ ...F{n + 1} }} }}" for n in range(levels)
    ]
    last = f"fragment F{levels} on Run {{ id }}"
    page = f"fragment P on Repositories {{ nodes {{ runs(first: {size}) {{ nodes {{ ...F0 }} }} }} }}"
    document = f"query($n: Int) {{ repositories(first: {size}) {{ ...P }} }} " + " ".join([*fragments, last, page])
    assert priced(document, n=10) > 2**levels


def test_a_cycle_of_fragments_ends_where_it_closes() -> None:
    document = "{ me { ...A } } fragment A on Run { id next { ...B } } fragment B on Run { number next { ...A } }"
    assert priced(document) == 2 + 1 + 2 + 1 + 2
    assert shape(parse(document)).depth == 3


@pytest.mark.parametrize(
    ("document", "depth", "aliases", "root_fields", "selections"),
    [
        ("{ a }", 1, 0, 1, 1),
        ("{ x: a { y: b { c } } d }", 3, 2, 2, 2),
        ("{ ...F ...F } fragment F on Q { a b }", 1, 0, 2, 2),
        ("{ a { ... { b { ...F } } } } fragment F on Q { c { d } }", 4, 0, 1, 1),
        ("query A { a } query B { a b { c d e } }", 2, 0, 2, 3),
        ("{ ...Missing }", 0, 0, 0, 0),
        ("type A { b: C }", 0, 0, 0, 0),
    ],
)
def test_a_document_is_measured_with_its_fragments_spread_out(
    document: str, depth: int, aliases: int, root_fields: int, selections: int
) -> None:
    found = Shape(depth=depth, aliases=aliases, root_fields=root_fields, selections=selections, introspects=False)
    assert shape(parse(document)) == found


def test_introspection_is_seen_behind_aliases_and_fragments() -> None:
    assert shape(parse("{ ...F } fragment F on Query { s: __schema { x } }")).introspects
    assert not shape(parse("{ __type { name } }")).introspects


def nested(depth: int) -> str:
    return "{ me " + "{ next " * (depth - 2) + "{ id }" + " }" * (depth - 1)


@pytest.mark.parametrize(
    ("document", "limit", "value", "bound"),
    [
        (nested(17), "depth", 17, 16),
        (nested(250), "depth", 17, 16),
        ("{ me { " + " ".join(f"a{n}: id" for n in range(16)) + " } }", "aliases", 16, 15),
        ("{ " + "__typename " * 21 + "}", "rootFields", 21, 20),
        ("{ me { " + "id " * 101 + "} }", "selections", 101, 100),
        ("{ me { id " + "# x\n" * 10 + "number " * 2_000 + "} }", "tokens", 2_001, 2_000),
        ("{ repositories(first: 100) { nodes { runs(first: 200) { nodes { id } } } } }", "cost", 60_402, 50_000),
    ],
)
def test_over_a_limit_the_answer_says_which_and_by_how_much(document: str, limit: str, value: int, bound: int) -> None:
    documents = Documents(SCHEMA, Limits())
    with pytest.raises(Refused) as refused:
        documents.check_cost(documents.get(document, None), {})
    extensions = {"code": Code.LIMIT_EXCEEDED, "limit": limit, "value": value, "bound": bound}
    assert refused.value.errors[0]["extensions"] == extensions
    assert str(bound) in refused.value.errors[0]["message"]


@pytest.mark.parametrize(
    "document",
    [
        nested(16),
        "{ me { " + " ".join(f"a{n}: id" for n in range(15)) + " } }",
        "{ " + "__typename " * 20 + "}",
        "{ me { " + "id " * 100 + "} }",
    ],
)
def test_at_a_limit_a_document_passes(document: str) -> None:
    assert Documents(SCHEMA, Limits()).get(document, None).operation.name is None


def test_errors_are_bounded_and_suggest_nothing() -> None:
    with pytest.raises(Refused) as refused:
        Documents(SCHEMA, Limits()).get("{ me { " + " ".join(f"nam{n}" for n in range(30)) + " statu } }", None)
    told = refused.value.errors
    assert len(told) == 9
    assert told[0] == {
        "message": "Cannot query field 'nam0' on type 'Run'.",
        "locations": [{"line": 1, "column": 8}],
        "extensions": {"code": Code.GRAPHQL_VALIDATION_FAILED},
    }
    assert "Did you mean" not in str(told)


def test_introspection_of_the_whole_schema_can_be_refused_while_one_type_is_answered() -> None:
    documents = Documents(SCHEMA, Limits(), introspection=False)
    documents.get('{ __type(name: "Run") { name } }', None)
    with pytest.raises(Refused) as refused:
        documents.get("{ __schema { queryType { name } } }", None)
    assert refused.value.code is Code.INTROSPECTION_DISABLED


def test_an_introspection_that_multiplies_is_refused() -> None:
    document = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    with pytest.raises(Refused) as refused:
        Documents(SCHEMA, Limits()).get(document, None)
    assert refused.value.code is Code.GRAPHQL_VALIDATION_FAILED


def test_a_repeated_document_is_learnt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = Documents(SCHEMA, Limits())
    first = documents.get("query A { me { id } } query B { __typename }", "A")
    with pytest.raises(Refused) as refused:
        documents.get("{ nothing }", None)
    monkeypatch.setattr("resolvers.documents.parse", None)
    assert documents.get("query A { me { id } } query B { __typename }", "A") is first
    with pytest.raises(Refused) as again:
        documents.get("{ nothing }", None)
    assert again.value.errors == refused.value.errors
    with pytest.raises(TypeError):
        documents.get("query A { me { id } } query B { __typename }", "B")


def test_the_cache_is_bounded_by_number_and_by_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.documents.CHARACTERS", 1_000)
    documents = Documents(SCHEMA, Limits(), entries=3)
    kept = documents.get("{ a0: __typename }", None)
    for number in range(1, 4):
        documents.get("{ a0: __typename }", None)
        documents.get(f"{{ a{number}: __typename }}", None)
    assert documents.get("{ a0: __typename }", None) is kept
    assert len(documents) == 3
    documents.get("{ __typename }" + " " * 2_000, None)
    assert len(documents) == 0


def test_limits_are_set_by_their_names() -> None:
    limits = limits_of({"SLIPWAY_LIMIT_DEPTH": "20", "PATH": "/bin"})
    assert (limits.depth, limits.cost) == (20, 50_000)


@pytest.mark.parametrize("name", ["SLIPWAY_LIMIT_PAGE_SIZE", "SLIPWAY_LIMIT_WIDTH", "SLIPWAY_LIMIT_"])
def test_an_unknown_limit_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is no limit: there are SLIPWAY_LIMIT_ALIASES, "):
        limits_of({name: "1"})


@pytest.mark.parametrize("value", ["0", "-1", "x", ""])
def test_a_limit_is_a_whole_number_over_zero(value: str) -> None:
    with pytest.raises(ValueError, match="set it to a whole number over 0"):
        limits_of({"SLIPWAY_LIMIT_DEPTH": value})
