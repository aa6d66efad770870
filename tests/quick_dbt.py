"""What dbt works out anew for each run and each node, told in less time; nothing that it says is another."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import InjectedCTE, Linker
from dbt.context.base import BaseContext
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.contracts.graph.nodes import Macro
from dbt.include.global_project import PROJECT_NAME

from dbt import compilation

_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_WITH = re.compile(r"with(?:\s+recursive)?\b", re.IGNORECASE)

_find_cycles, _to_dict = Linker.find_cycles, ManifestContext.to_dict


def be_quick() -> None:
    """From here on, in this process."""
    Linker.find_cycles = find_cycles
    # a file about the graph for those who make dbt
    Linker.get_graph_summary = lambda *_: {}
    ManifestContext.to_dict = to_dict
    MacroNamespaceBuilder.build_namespace = build_namespace
    compilation.inject_ctes_into_sql = inject_ctes_into_sql


def find_cycles(linker: Linker) -> str | None:
    """That there is none is told in no time; dbt's search takes half a second, and names the one there is."""
    return None if nx.is_directed_acyclic_graph(linker.graph) else _find_cycles(linker)


def build_namespace(
    builder: MacroNamespaceBuilder, macros_by_package: Mapping[str, Mapping[str, Macro]], context: dict[str, Any]
) -> MacroNamespace:
    """The macros that a node may call, a package at a time."""
    node, stack = builder.node, builder.thread_ctx
    internal = {}
    for package, macros in macros_by_package.items():
        members = {name: MacroGenerator(macro, context, node, stack) for name, macro in macros.items()}
        if package in builder.internal_package_names:
            internal[package] = members
            continue
        builder.packages[package] = members
        if package == builder.search_package:
            builder.locals.update(members)
        elif package == builder.root_package:
            builder.globals.update(members)
    of_all: dict[str, MacroGenerator] = {}
    for package in reversed(builder.internal_package_names_order):
        of_all.update(internal.get(package, {}))
    return MacroNamespace(builder.globals, builder.locals, of_all, builder.packages)


def to_dict(context: ManifestContext) -> dict[str, Any]:
    """What stands further up in the order of the search is laid over what stands below."""
    known = context.namespace
    if not isinstance(known, MacroNamespace):
        return _to_dict(context)
    told = BaseContext.to_dict(context)
    told.update(known.global_project_namespace)
    told[PROJECT_NAME] = known.global_project_namespace
    told.update(known.packages)
    told.update(known.global_namespace)
    told.update(known.local_namespace)
    return told


def inject_ctes_into_sql(sql: str, ctes: Sequence[InjectedCTE]) -> str:
    """Before the first of its own; dbt takes the whole query to pieces to find that."""
    if not ctes:
        return sql
    injected = ", ".join(cte.sql for cte in ctes)
    begin = _COMMENTS.match(sql).end()
    if found := _WITH.match(sql, begin):
        return f"{sql[: found.end()]} {injected}, {sql[found.end() :]}"
    return f"{sql[:begin]}with {injected} {sql[begin:]}"
