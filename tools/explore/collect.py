"""Collect: what the page shows, as blocks of data and one object that describes them.

In: a program's operations, or the places of one whose graph is not made, and its texts; perhaps documents and times.
Out: base64 blocks by name; ``meta`` among them has the page how to read the others. The same input gives the same
bytes.
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
from .measure import Times
from .pack import differences, pack_bytes, pack_doubles, pack_integers, pack_lines
from .places import Places
from .values import GIVEN, SLOPED, Documents

__all__ = ["SYMBOLS", "Collected", "Shown", "collect"]

# How people write the operations that have a sign.
SYMBOLS = {"add": "+", "mul": "×", "div": "÷", "equal": "="}


@dataclass(frozen=True)
class Shown:
    """What the page is about.

    Attributes:
        graph: its operations.
        roots: of each, the one that makes the value of its statement; -1 for leaves.
        names: of those, in their order.
        block_names, block_of_traced: see `blocks`.
        places: if the operations are the places of a program whose graph is not made, what is known of them.
    """

    graph: Graph
    roots: Sequence[int]
    names: Sequence[str]
    block_names: Sequence[str]
    block_of_traced: Sequence[int]
    places: Places | None = None

    @classmethod
    def of_chain(cls, chain: Chain) -> Shown:
        """A program that has a graph."""
        graph, statements = chain.graph, chain.statements
        roots = [-1 if own < 0 else statements.roots[own] for own in statements.statement_of]
        names = value_names(graph, statements.roots)
        return cls(graph, roots, [names[root] for root in statements.roots], *blocks(chain.graphs["trace"]))

    @classmethod
    def of_places(cls, places: Places) -> Shown:
        """One that has none."""
        names = list(places.names.values())
        return cls(places.graph, places.roots, names, places.block_names, places.block_of_traced, places)


@dataclass(frozen=True)
class Collected:
    """What the page is made of.

    Attributes:
        blocks: by name.
        operations: how many there are; of these, `backward` were added by differentiation.
    """

    blocks: Mapping[str, str]
    operations: int
    backward: int


def collect(
    shown: Shown,
    panes: Mapping[str, Pane],
    missing: Mapping[str, str],
    begins: Mapping[str, int],
    documents: Documents | None = None,
    times: Times | None = None,
) -> Collected:
    """Packs everything.

    Args:
        panes: by the page's names: ``source``, ``python`` or ``loops``, ``c`` and ``assembly``, as far as they are
            there.
        missing: for those that are not, why.
        begins: the files that ``source`` is made of, and where each begins.
    """
    graph, places = shown.graph, shown.places
    packed = {
        **_columns(graph, shown.roots),
        "statement-names": pack_lines(shown.names),
        "block-of-traced": pack_integers(differences(shown.block_of_traced)),
    }
    for name, pane in panes.items():
        packed |= _listing(name, pane)
    if documents:
        packed["inputs"] = pack_doubles(documents.inputs)
        packed["given"] = pack_doubles(value for text in documents.texts for value in text.given)
        packed["slopes"] = pack_doubles(value for text in documents.texts for value in text.slopes)
    counts = places.times if places else [1] * len(graph)
    meta = {
        **_describe(graph, begins),
        "files": [{"name": file, "start": start} for file, start in begins.items()],
        "blocks": shown.block_names,
        "listings": list(panes),
        "missing": dict(missing),
        "texts": [{"name": text.name, "indices": text.indices} for text in documents.texts] if documents else [],
        "result": documents.result if documents else "",
        "heat": _heat(panes["source"], counts, times),
    }
    if places:
        meta["places"] = {
            "times": places.times,
            "statement": places.statement_of,
            "statements": [{"formula": formula, "ranges": ranges} for formula, ranges in places.statements],
        }
    head = {"meta": pack_bytes(json.dumps(meta, allow_nan=False, separators=(",", ":")).encode())}
    backward = sum(count for count, source in zip(counts, graph.source, strict=True) if source < 0)
    return Collected(head | packed, sum(counts), backward)


_COLUMNS = ("op", "starts", "flat", "attribute", "origin", "source", "root")
_DIFFERENCES = ("starts", "origin", "source")


def _columns(graph: Graph, roots: Sequence[int]) -> dict[str, str]:
    """The arrays of the graph. Operands and roots as distances from their node, which are small and much alike."""
    return {
        "op": pack_integers(graph.op),
        "starts": pack_integers(differences(graph.starts)),
        "flat": pack_integers(node - each for node in range(len(graph)) for each in graph.operands(node)),
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


def _heat(source: Pane, counts: Sequence[int], times: Times | None) -> dict[str, Any]:
    """How many operations come from each line of the model, and, if measured, how much time they take."""
    by_unit = [sum(counts[node] for node in nodes) for nodes in source.nodes]
    heat: dict[str, Any] = {"ops": [sum(by_unit[unit] for unit in units) for units in source.units]}
    if times is not None:
        by_line = [
            fsum(times.of_nodes[node] for unit in units for node in source.nodes[unit]) for units in source.units
        ]
        heat |= {"time": [round(1e6 * seconds, 4) for seconds in by_line], "note": times.note}
    return heat
