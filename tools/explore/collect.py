"""Collect: what the page shows, as blocks of data and one object that describes them.

In: the chain of a program, perhaps with documents and times. Out: base64 blocks by name; ``meta`` among them has the
page how to read the others. The same input gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from ...compiler.ir.graph import Graph
from ...compiler.ir.names import value_names
from ...compiler.ir.ops import OPS
from ..provenance.chain import Chain
from ..provenance.pane import Pane
from ..subject.places import place_of
from .blocks import blocks
from .joined import starts
from .measure import Times
from .pack import differences, pack_bytes, pack_doubles, pack_integers, pack_lines
from .values import GIVEN, SLOPED, Documents

__all__ = ["SYMBOLS", "Collected", "collect"]

# How people write the operations that have a sign.
SYMBOLS = {"add": "+", "mul": "×", "div": "÷", "equal": "="}


@dataclass(frozen=True)
class Collected:
    """What the page is made of.

    Attributes:
        blocks: by name.
        operations: how many the graph has; of these, `backward` were added by differentiation.
    """

    blocks: Mapping[str, str]
    operations: int
    backward: int


def collect(
    chain: Chain,
    panes: Mapping[str, Pane],
    missing: Mapping[str, str],
    sources: Sequence[str],
    documents: Documents | None = None,
    times: Times | None = None,
) -> Collected:
    """Packs everything.

    Args:
        panes: by the page's names: ``source``, ``python``, ``c`` and ``assembly``, as far as they are there.
        missing: for those that are not, why.
        sources: the files that ``source`` is made of.
    """
    graph, statements = chain.graph, chain.statements
    roots = [-1 if own < 0 else statements.roots[own] for own in statements.statement_of]
    names = value_names(graph, statements.roots)
    block_names, block_of_traced = blocks(chain.graphs["trace"])
    packed = {
        **_columns(graph, roots),
        "statement-names": pack_lines(names[root] for root in statements.roots),
        "block-of-traced": pack_integers(differences(block_of_traced)),
    }
    for name, pane in panes.items():
        packed |= _listing(name, pane)
    if documents:
        packed["inputs"] = pack_doubles(documents.inputs)
        packed["given"] = pack_doubles(value for text in documents.texts for value in text.given)
        packed["slopes"] = pack_doubles(value for text in documents.texts for value in text.slopes)
    begins = dict(zip(sources, starts([chain.pane(file) for file in sources]), strict=True))
    meta = {
        **_describe(graph, begins),
        "files": [{"name": file, "start": start} for file, start in begins.items()],
        "blocks": block_names,
        "listings": list(panes),
        "missing": dict(missing),
        "texts": [{"name": text.name, "indices": text.indices} for text in documents.texts] if documents else [],
        "result": documents.result if documents else "",
        "heat": _heat(panes["source"], times),
    }
    head = {"meta": pack_bytes(json.dumps(meta, allow_nan=False, separators=(",", ":")).encode())}
    backward = sum(source < 0 for source in graph.source)
    return Collected(head | packed, len(graph), backward)


_COLUMNS = ("op", "starts", "flat", "attribute", "origin", "source", "root")
_DIFFERENCES = ("starts", "origin", "source")


def _columns(graph: Graph, roots: Sequence[int]) -> dict[str, str]:
    """The arrays of the graph. Operands and roots as distances from their node, which are small and much alike."""
    return {
        "op": pack_integers(graph.op),
        "starts": pack_integers(differences(graph.starts)),
        "flat": pack_integers(node - each for node, own in enumerate(graph.all_operands()) for each in own),
        "attribute": pack_integers(graph.attribute),
        "origin": pack_integers(differences(graph.origin)),
        "source": pack_integers(differences(graph.source)),
        "root": pack_integers(-1 if root < 0 else root - node for node, root in enumerate(roots)),
    }


def _describe(graph: Graph, begins: Mapping[str, int]) -> dict[str, Any]:
    """What stands beside the columns. JSON has no infinity, so constants come as text.

    Args:
        begins: by source file, where it begins in the listing of all.
    """
    return {
        "name": graph.name,
        "columns": [[name, name in _DIFFERENCES] for name in _COLUMNS],
        "ops": [
            {
                "name": row.name,
                "symbol": SYMBOLS.get(row.name, row.name),
                "attribute": row.attribute.value,
                "fixed": len(row.types) - 1 if row.variadic else None,
                "given": code in GIVEN,
                "sloped": code in SLOPED,
            }
            for code, row in enumerate(OPS)
        ],
        "origins": [
            {
                "scope": place_of(each),
                "file": each.file,
                "line": each.line,
                "function": each.function,
                "at": begins.get(each.file, 0) + each.line,
            }
            for each in graph.origins
        ],
        "constants": [number.hex() for number in graph.constants],
        "decimals": [_decimal(number) for number in graph.constants],
        "tables": [(table.base, table.stride, table.count) for table in graph.tables],
        "inputs": [{"name": each.name, "start": each.start, "shape": each.shape} for each in graph.inputs],
        "indices": [{"name": each.name, "start": each.start} for each in graph.indices],
        "outputs": [{"name": each.name, "node": each.nodes[0] if each.nodes else -1} for each in graph.outputs],
    }


def _decimal(number: float) -> str:
    """As the page's language reads it."""
    return repr(number).replace("inf", "Infinity").replace("nan", "NaN")


def _listing(name: str, pane: Pane) -> dict[str, str]:
    return {
        f"{name}-text": pack_lines(pane.lines),
        f"{name}-notes": pack_lines(pane.notes.get(line, "") for line in range(len(pane.lines))),
        f"{name}-line-start": pack_integers(differences(pane.units.starts)),
        f"{name}-line-units": pack_integers(differences(pane.units.values)),
        f"{name}-unit-start": pack_integers(differences(pane.nodes.starts)),
        f"{name}-unit-ops": pack_integers(differences(pane.nodes.values)),
    }


def _heat(source: Pane, times: Times | None) -> dict[str, Any]:
    """How many operations come from each line of the model, and, if measured, how much time they take."""
    counts = [sum(len(source.nodes[unit]) for unit in units) for units in source.units]
    heat: dict[str, Any] = {"ops": counts}
    if times is not None:
        by_line = [
            fsum(times.of_nodes[node] for unit in units for node in source.nodes[unit]) for units in source.units
        ]
        heat |= {"time": [round(1e6 * seconds, 4) for seconds in by_line], "note": times.note}
    return heat
