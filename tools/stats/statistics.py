"""Counts everything about a program that can be counted without running it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import CONST, DIV, OPS, POW, READ
from ...compiler.loops.lanes import GUESSED
from .count_loops import count_loops
from .count_operations import Count, by_kind, by_scope, flops, function_calls
from .critical_path import CriticalPath, critical_path
from .liveness import Liveness, measure_liveness
from .traffic import Traffic, measure_traffic
from .work import Work

__all__ = ["BYTES", "Statistics", "collect", "kinds_of", "to_json"]

# Of a double.
BYTES = 8


@dataclass(frozen=True)
class Statistics:
    """Of one program.

    Attributes:
        kinds: operations by kind, also those that only read.
        scopes: operations that compute something, by where they stand in the model, numbers left out.
        flops, functions: operations that round; those of them that are functions of the C library.
        calls: by name, which of these C calls: not powers that it computes by cheaper means, but for a few lanes
            (`compiler/c/text/guesses.h`).
        divisions: by name, what takes divisions and roots: ``div``, and the powers ``root``, ``inverse``,
            ``inverse_root``, ``inverse_square``, ``inverse_root_cube``. Divisions by inputs and numbers are
            multiplications.
            Empty without a graph.
        liveness, path: of the graph; None without one.
        traffic: of the loops that run in C.
    """

    kinds: dict[str, Count]
    scopes: dict[str, Count]
    flops: Count
    functions: Count
    calls: dict[str, int]
    divisions: dict[str, int]
    liveness: Liveness | None
    path: CriticalPath | None
    traffic: Traffic

    @property
    def operations(self) -> int:
        """That compute something."""
        return sum(count.all for count in self.scopes.values())

    @property
    def parallelism(self) -> float:
        """How many operations could run at a time on average: work by span (Brent, 1974)."""
        return self.operations / len(self.path.nodes) if self.path and self.path.nodes else 0.0


def collect(work: Work) -> Statistics:
    """Counts, by single scans of the graph and of its loops; all for one turn of the graph, but for the traffic."""
    graph, traffic = work.graph, measure_traffic(work.loops, work.layout)
    if graph is None:
        counts = count_loops(work.loops, GUESSED)
        return Statistics(**vars(counts), divisions={}, liveness=None, path=None, traffic=traffic)
    return Statistics(
        by_kind(graph),
        by_scope(graph),
        flops(graph),
        function_calls(graph),
        _calls(graph),
        _divisions(graph),
        measure_liveness(graph),
        critical_path(graph),
        traffic,
    )


def _calls(graph: Graph) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for op, operands in zip(graph.op, graph.all_operands(), strict=True):
        if not OPS[op].libm:
            continue
        if op != POW or _exponent(graph, operands[1]) not in GUESSED:
            counts.update(OPS[op].libm)
    return dict(sorted(counts.items()))


def _exponent(graph: Graph, node: int) -> float:
    """That of a power, if it is known; else 0."""
    return graph.constants[graph.attribute[node]] if graph.op[node] == CONST else 0.0


def _divisions(graph: Graph) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for op, operands in zip(graph.op, graph.all_operands(), strict=True):
        if op == DIV and graph.op[operands[1]] not in READ:
            counts["div"] += 1
        elif op == POW:
            counts[GUESSED.get(_exponent(graph, operands[1]), "square")] += 1
    del counts["square"]  # and other powers
    return dict(sorted(counts.items()))


def kinds_of(graph: Graph, path: CriticalPath) -> dict[str, int]:
    """How many operations of each kind a path has."""
    counts = Counter(graph.op[node] for node in path.nodes)
    return {OPS[code].name: counts[code] for code in sorted(counts) if code not in READ}


def to_json(work: Work, statistics: Statistics) -> dict[str, Any]:
    """As plain data; see docs/json.md for the schema."""
    traffic, lanes = statistics.traffic, work.lanes
    return {
        "lanes": lanes,
        "operations": {
            "all": statistics.operations,
            "by_kind": {name: asdict(count) for name, count in statistics.kinds.items()},
            "by_scope": {name: asdict(count) for name, count in statistics.scopes.items()},
        },
        "flops": {
            **asdict(statistics.flops),
            "functions": statistics.functions.all,
            "calls": statistics.calls,
            "divisions": statistics.divisions,
        },
        "live": _live_json(statistics.liveness) if statistics.liveness else None,
        "critical_path": _path_json(work, statistics),
        "memory": {**asdict(traffic), "bytes_per_double": BYTES},
        "intensity": {
            "loads_and_stores": intensity(statistics.flops.all * lanes, traffic.accesses),
            "nests": intensity(statistics.flops.all * lanes, traffic.nest_accesses),
            "once": intensity(statistics.flops.all * lanes, traffic.reads + traffic.writes),
        },
    }


def _live_json(liveness: Liveness) -> dict[str, Any]:
    bounds = [(1 << place, (2 << place) - 1) for place in range(len(liveness.histogram))]
    return {
        "values": liveness.values,
        "peak": liveness.peak,
        "peak_operation": liveness.peak_node,
        "mean_range": liveness.mean,
        "ranges": [
            {"from": low, "to": high, "values": count}
            for (low, high), count in zip(bounds, liveness.histogram, strict=True)
        ],
    }


def _path_json(work: Work, statistics: Statistics) -> dict[str, Any] | None:
    graph, path = work.graph, statistics.path
    if graph is None or path is None:
        return None
    backward = sum(graph.is_backward(node) for node in path.nodes)
    return {
        "operations": len(path.nodes),
        "forward": len(path.nodes) - backward,
        "backward": backward,
        "by_kind": kinds_of(graph, path),
        "parallelism": statistics.parallelism * work.lanes,
    }


def intensity(flop: int, doubles: int) -> float:
    """Flops for each byte moved: arithmetic, or operational, intensity (Williams, Waterman, Patterson, 2009)."""
    return flop / (BYTES * doubles) if doubles else 0.0
