"""Which names of a statement the server would look up in the search path.

PostgreSQL's own parser tells. What the grammar names by itself (`bigint`, `extract(…)`, `AT TIME ZONE`) it puts into
pg_catalog, and sorting, grouping, GREATEST and COALESCE go by the type; every construct that is in no list here counts
as unqualified until somebody has looked it up in PostgreSQL's sources.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, SubLinkType

_NAMELESS = {
    "RawStmt", "SelectStmt", "ResTarget", "ColumnRef", "A_Star", "A_Const", "String", "Integer", "Float",
    "Boolean", "ParamRef", "Alias", "BoolExpr", "NullTest", "CoalesceExpr", "MinMaxExpr", "CaseWhen",
    "A_ArrayExpr", "RangeSubselect", "RangeFunction", "WithClause", "CommonTableExpr", "SQLValueFunction",
    "ExplainStmt", "CopyStmt", "DefElem", "TransactionStmt", "VariableSetStmt", "ClosePortalStmt",
    "UnlistenStmt", "PrepareStmt", "ExecuteStmt", "DeallocateStmt", "RowExpr", "ColumnDef",
}  # fmt: skip
"""The parts of a statement that name nothing which the search path could turn into something else."""

_OPERATORS = (A_Expr_Kind.AEXPR_OP, A_Expr_Kind.AEXPR_OP_ANY, A_Expr_Kind.AEXPR_OP_ALL)
_QUALIFIED = 2
"""Names: the schema's, and its own."""


def unqualified(sql: str) -> list[str]:
    """Return what the search path decides about a text of any number of statements."""
    return [found for statement in parse_sql(sql) for found in _of_statement(statement)]


def _of_statement(statement: ast.Node) -> Iterator[str]:
    nodes = list(_nodes(statement))
    own = {node.ctename for node in nodes if isinstance(node, ast.CommonTableExpr)}
    for node in nodes:
        kind = type(node).__name__
        if isinstance(node, ast.RangeVar):
            if not node.schemaname and node.relname not in own:
                yield f"relation {node.relname}"
        elif kind in _CHECKS:
            yield from _CHECKS[kind](node)
        elif kind not in _NAMELESS:
            yield f"a {kind}: not known here"


def _nodes(tree: Any) -> Iterator[ast.Node]:
    if isinstance(tree, ast.Node):
        yield tree
        for attribute in tree:
            yield from _nodes(getattr(tree, attribute))
    elif isinstance(tree, tuple):
        for part in tree:
            yield from _nodes(part)


def _named(what: str, parts: tuple[ast.String, ...] | None) -> Iterator[str]:
    names = [part.sval or "" for part in parts or ()]
    if len(names) < _QUALIFIED:
        yield f"{what} {''.join(names)}"


def _expression(node: Any) -> Iterator[str]:
    if node.kind == A_Expr_Kind.AEXPR_DISTINCT and _is_null(node.rexpr):  # transformAExprDistinct: it is IS NOT NULL
        return
    if node.kind in _OPERATORS:
        yield from _named("operator", node.name)
    else:  # IN, LIKE, BETWEEN, NULLIF, IS DISTINCT FROM: none can name a schema
        yield f"operator of {A_Expr_Kind(node.kind).name.removeprefix('AEXPR_')}"


def _is_null(node: Any) -> bool:
    return isinstance(node, ast.A_Const) and bool(node.isnull)


def _cast(node: Any) -> Iterator[str]:
    """Yield a name in a string that is read by the search path: `'json'::pg_catalog.regtype`."""
    type_ = node.typeName.names[-1].sval
    text = node.arg.val.sval if isinstance(node.arg, ast.A_Const) and isinstance(node.arg.val, ast.String) else "."
    if type_.startswith("reg") and "." not in (text or ""):
        yield f"{type_} {text}"


def _sublink(node: Any) -> Iterator[str]:
    if node.subLinkType in (SubLinkType.ANY_SUBLINK, SubLinkType.ALL_SUBLINK):  # without a name: IN (SELECT …)
        yield from _named("operator", node.operName)


def _join(node: Any) -> Iterator[str]:
    if node.isNatural or node.usingClause:
        yield "operator of JOIN … USING"


_CHECKS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "A_Expr": _expression,
    "FuncCall": lambda node: _named("function", node.funcname),
    "TypeName": lambda node: _named("type", node.names),
    "CollateClause": lambda node: _named("collation", node.collname),
    "SortBy": lambda node: _named("operator", node.useOp) if node.useOp else iter(()),
    "CaseExpr": lambda node: iter(["operator of CASE … WHEN"] if node.arg else []),
    "TypeCast": _cast,
    "SubLink": _sublink,
    "JoinExpr": _join,
}
