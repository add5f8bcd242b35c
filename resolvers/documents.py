"""The document cache: a repeated document is neither parsed, nor measured, validated or priced again."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)
from graphql.validation import MaxIntrospectionDepthRule, specified_rules
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from resolvers.cost import Price, cost, price_of
from resolvers.refusals import Code, Refused, over
from resolvers.shape import check_shape, shape
from schema.limits import Limits

ENTRIES: Final = 1_000
CHARACTERS: Final = 524_288  # of all cached documents together: a parsed document takes some 200 bytes a character
_RULES: Final = (*specified_rules, MaxIntrospectionDepthRule, MaybeNullValidationRule, OneOfInputValidationRule)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Document:
    """One operation of a valid document within the limits; only its open page sizes are still to be priced."""

    definition: DocumentNode
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    name: str | None
    price: Price

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.operation.operation


class Documents:
    """Learns documents; bounded by their number and their text, the least recently asked for goes first."""

    def __init__(
        self, schema: GraphQLSchema, limits: Limits, *, introspection: bool = True, entries: int = ENTRIES
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._entries = entries
        self._known: OrderedDict[tuple[str, str | None], Document | Refused] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._known)

    def get(self, query: str, operation_name: str | None) -> Document:
        """The operation of a document; Refused, and the refusal is remembered like the document."""
        key = (query, operation_name)
        found = self._known.get(key)
        if found is None:
            found = self._learn(query, operation_name)
            self._keep(key, found)
        else:
            self._known.move_to_end(key)
        if isinstance(found, Refused):
            raise found.again()
        return found

    def check_cost(self, document: Document, variables: dict[str, Any]) -> None:
        """Refused when the operation with these variables costs more than the limit."""
        value = cost(document.price, variables)
        if value > self._limits.cost:
            message = (
                f"the operation costs {value}: the limit is {self._limits.cost}; ask for fewer fields or smaller pages"
            )
            raise over("cost", value, self._limits.cost, message)

    def _keep(self, key: tuple[str, str | None], found: Document | Refused) -> None:
        self._known[key] = found
        self._characters += len(key[0])
        while len(self._known) > self._entries or self._characters > CHARACTERS:
            (query, _), _ = self._known.popitem(last=False)
            self._characters -= len(query)

    def _learn(self, query: str, operation_name: str | None) -> Document | Refused:
        try:
            parsed = self._parse(query)
            self._measure(parsed)
            self._validate(parsed)
            return self._document(parsed, operation_name)
        except Refused as refused:
            return refused.again()
        except RecursionError:
            bound = self._limits.depth
            return over(
                "depth", bound + 1, bound, f"the document is nested too deeply to be read: the limit is {bound}"
            )

    def _parse(self, query: str) -> DocumentNode:
        try:
            return parse(query, max_lexical_tokens=self._limits.tokens)
        except GraphQLSyntaxError as error:
            bound = self._limits.tokens
            if error.message.endswith(f"more than {bound} tokens. Parsing aborted."):
                raise over("tokens", bound + 1, bound, f"the document has more than {bound} tokens") from error
            if "nested too deeply" in error.message:
                raise RecursionError from error
            raise Refused.with_errors(Code.GRAPHQL_PARSE_FAILED, [_told(error, Code.GRAPHQL_PARSE_FAILED)]) from error

    def _measure(self, document: DocumentNode) -> None:
        found = shape(document)
        check_shape(found, self._limits)
        if found.introspects and not self._introspection:
            message = "__schema is not answered here: ask __type for one type, or read the published SDL"
            raise Refused(Code.INTROSPECTION_DISABLED, message)

    def _validate(self, document: DocumentNode) -> None:
        most = self._limits.errors - 1  # one more says that there were more
        errors = validate(self._schema, document, _RULES, max_errors=most, hide_suggestions=True)
        if errors:
            told = [_told(error, Code.GRAPHQL_VALIDATION_FAILED) for error in errors]
            raise Refused.with_errors(Code.GRAPHQL_VALIDATION_FAILED, told)

    def _document(self, document: DocumentNode, operation_name: str | None) -> Document:
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        operation = _operation(document, operation_name)
        return Document(
            definition=document,
            operation=operation,
            fragments=fragments,
            name=operation.name.value if operation.name is not None else None,
            price=price_of(self._schema, operation, fragments),
        )


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    named = [d for d in operations if name is None or (d.name is not None and d.name.value == name)]
    if len(named) == 1:
        return named[0]
    names = ", ".join(d.name.value for d in operations if d.name is not None)
    if name is None:
        what = f"has {len(operations)} operations: name one in operationName" if operations else "has no operation"
        raise Refused(Code.OPERATION_NOT_FOUND, f"the document {what}" + (f" ({names[:200]})" if operations else ""))
    raise Refused(
        Code.OPERATION_NOT_FOUND, f"the document has no operation {name[:60]!r}: it has {names[:200] or 'none'}"
    )


def _told(error: GraphQLError, code: Code) -> dict[str, Any]:
    told: dict[str, Any] = {"message": error.message}
    if error.locations:
        told["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return told | {"extensions": {"code": code}}
