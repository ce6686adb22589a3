"""Statistics as tables, for any width of the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...compiler.ir.graph import Graph
from ...runtime.machine.roofline import Roofs
from ..text.document import Document, bar
from .count_operations import Count
from .critical_path import CriticalPath
from .liveness import Liveness
from .roofline import Bound, Standing
from .statistics import BYTES, Statistics, intensity, kinds_of
from .work import Work

__all__ = ["quantity", "statistics_document", "time_text"]

_WIDTH, _BAR = 79, 20
# Rows of a histogram: ranges of a few operations have a row each, longer ones by factors of 8.
_RANGES = ((0, 1), (1, 2), (2, 4), (4, 7), (7, 10), (10, 13), (13, 16), (16, 64))


def statistics_document(
    title: str, work: Work, statistics: Statistics, roofs: Roofs | None, standing: Standing | None
) -> Document:
    """The whole page: the main figures first, then what they are made of."""
    page = _Page("model" if work.graph is not None else "loops")
    page.headline(title, work, statistics, standing)
    page.kinds(statistics)
    page.scopes(statistics)
    if work.graph is not None and statistics.liveness is not None and statistics.path is not None:
        page.liveness(work.graph, statistics.liveness)
        page.path(work.graph, statistics.path, statistics.parallelism * work.lanes)
    page.memory(work, statistics)
    if roofs is not None and standing is not None:
        page.standing(roofs, standing)
    return page.document


class _Page:
    def __init__(self, of: str) -> None:
        self.of = of
        self.document = Document()

    def say(self, text: str, style: str = "") -> None:
        self.document.say(text, _WIDTH, style)

    def head(self, text: str) -> None:
        self.document.gap()
        self.say(text, "bold")

    def headline(self, title: str, work: Work, statistics: Statistics, standing: Standing | None) -> None:
        times = f", for each of {work.lanes:,} parameters" if work.lanes > 1 else ""
        self.say(f"{title}: {statistics.operations:,} operations{times}.", "bold")
        if standing is not None:
            took, least = time_text(standing.seconds), time_text(standing.roof.seconds)
            self.say(f"In C they take {took} on this machine, whose roofline allows {least}.", "bold")
        if work.graph is None:
            self.say(
                "Its graph is not made: operations are counted in its loops, and neither live values nor a critical "
                "path are known."
            )

    def kinds(self, statistics: Statistics) -> None:
        read = "; what stands in brackets is read, not computed" if "input" in statistics.kinds else ""
        self.head(f"Operations by kind{read}")
        self.counts("kind", statistics.kinds, ("input", "const", "index", "gather"))
        flop, functions = statistics.flops, statistics.functions
        parts = f" ({flop.forward:,} forward, {flop.backward:,} backward)" if flop.backward else ""
        called = f" {functions.all:,} are functions of the C library, which take longer." if functions.all else ""
        self.document.gap()
        self.say(f"{flop.all:,} of them round their result{parts}: these are the flops.{called}")

    def scopes(self, statistics: Statistics) -> None:
        self.head(f"Operations by scope of the {self.of}, numbers left out")
        self.counts("scope", statistics.scopes)

    def counts(self, what: str, counts: Mapping[str, Count], reading: tuple[str, ...] = ()) -> None:
        both = any(count.backward for count in counts.values())
        computed = [count.all for name, count in counts.items() if name not in reading]
        rows = []
        for name, count in counts.items():
            numbers = [count.forward, count.backward, count.all] if both else [count.all]
            texts = [f"{number:,}" if number else "" for number in numbers]
            shown = ["", ""] if name in reading else _share(count.all, sum(computed), max(computed))
            rows.append([f"({name})" if name in reading else name, *texts, *shown])
        headings = [what, *(["forward", "backward"] if both else []), "all", "%", ""]
        self.document.table(headings, rows, left=1, bars=True)

    def liveness(self, graph: Graph, live: Liveness) -> None:
        origin = graph.origins[graph.origin[live.peak_node]]
        way = ", backward" if graph.is_backward(live.peak_node) else ""
        self.head(f"Live values: {live.peak:,} of {live.values:,} at most are needed at a time")
        self.say(
            f"in the order of the graph, after operation {live.peak_node:,} ({origin}{way}). How many operations "
            "later a value is used for the last time:"
        )
        rows = []
        counts = [sum(live.histogram[low:high]) for low, high in _RANGES]
        for (low, high), count in zip(_RANGES, counts, strict=True):
            if count:
                last = f" to {(1 << high) - 1:,}" if high < len(live.histogram) else " or more"
                name = f"{1 << low:,}{last}" if high > 1 else "1"
                rows.append([name, f"{count:,}", *_share(count, live.values, max(counts))])
        self.document.gap()
        self.document.table(["later by", "values", "%", ""], rows, left=1, bars=True)

    def path(self, graph: Graph, path: CriticalPath, parallelism: float) -> None:
        kinds = sorted(kinds_of(graph, path).items(), key=lambda item: -item[1])
        backward = sum(graph.is_backward(node) for node in path.nodes)
        parts = f" ({len(path.nodes) - backward} forward, {backward} backward)" if backward else ""
        self.head(f"Critical path: {len(path.nodes):,} operations, each of which waits for the one before")
        most = ", ".join(f"{count} {name}" for name, count in kinds[:5])
        self.say(f"{most}{parts}. On average {parallelism:,.0f} operations could run at a time.")

    def memory(self, work: Work, statistics: Statistics) -> None:
        traffic, flop = statistics.traffic, statistics.flops.all * work.lanes
        rows = []
        for name, read, written in (
            ("as the loops are written", traffic.loads, traffic.stores),
            ("each double once a nest of loops", traffic.nest_reads, traffic.nest_writes),
            ("each double once", traffic.reads, traffic.writes),
        ):
            size, ratio = quantity(BYTES * (read + written), "B"), f"{intensity(flop, read + written):.2f}"
            rows.append([name, f"{read:,}", f"{written:,}", size, ratio])
        self.head(f"Memory: the loops of the C program work on {quantity(BYTES * traffic.touched, 'B')}")
        self.document.table(["doubles", "read", "written", "bytes", "flop/byte"], rows, left=1)

    def standing(self, roofs: Roofs, standing: Standing) -> None:
        self.head(
            f"Roofline: the program is at {100 * standing.attained:.0f} % of what {standing.roof.name} would allow"
        )
        rows = [_bound_row(bound, standing) for bound in standing.bounds]
        rows.append(["the run, measured", "", "", time_text(standing.seconds), "100 %"])
        self.document.table(["takes at least", "amount", "rate", "time", "share"], rows, left=1)
        separate, fused = (quantity(rate, "flop") for rate in (roofs.flops, roofs.fused_flops))
        levels = ", ".join(f"{level.name} {quantity(level.bandwidth, 'B')}/s" for level in roofs.levels)
        waits = ", ".join(f"{name} {1e9 * seconds:.1f}" for name, seconds in roofs.latencies.items())
        self.document.gap()
        self.say(
            f"One core of this machine: {separate}/s in vectors of {roofs.lanes} ({fused}/s with fused operations, "
            f"which would change bits); {levels}. Nanoseconds until a result can be used: {waits}."
        )


def _share(number: int, total: int, most: int) -> list[str]:
    """The percentage, and a bar that is longest for `most`."""
    return [f"{100 * number / total:.1f}", bar(number / most, _BAR)]


def _bound_row(bound: Bound, standing: Standing) -> list[str]:
    share = 100 * bound.seconds / standing.seconds
    amount, rate = quantity(bound.amount, bound.unit), quantity(bound.rate, bound.unit)
    return [bound.name, amount, f"{rate}/s", time_text(bound.seconds), f"{share:.0f} %"]


def quantity(number: float, unit: str) -> str:
    """A number with three digits and a prefix: ``48.8 Gflop``. Units that are words get no prefix below a million."""
    word = unit not in ("flop", "B")
    if word and number < 1e6:
        return f"{number:,.0f} {unit}"
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return _digits(number / size) + (f" {prefix} {unit}" if word else f" {prefix}{unit}")
    return f"{number:.0f} {unit}"


def time_text(seconds: float) -> str:
    """A time with three digits: ``13.3 us``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds / 1e-9)} ns"


def _digits(number: float) -> str:
    return re.sub(r"\.$", "", f"{number:.{max(0, 2 - len(str(int(number))) + 1)}f}")
