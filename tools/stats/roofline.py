"""Where a program stands under the roofs of a machine.

The roofline model (Williams, Waterman, Patterson: Roofline, Communications of the ACM 52(4), 2009): a program of F
operations that moves B bytes takes at least ``max(F / peak, B / bandwidth)``; so it reaches at most ``min(peak,
F/B * bandwidth)`` operations a second. Here B is taken twice, after the cache-aware model (Ilic, Pratas, Sousa, 2014):
what passes between the loops and the first cache, and what must come from where the program's data live. Three bounds
are added that the model leaves out, and that matter for scalar programs: functions of the C library, which are called
one after the other; the unit that divides; and the critical path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum

from ...compiler.c.prelude import VECTOR_WIDTHS
from ...compiler.ir.ops import OPS, READ
from ...runtime.machine.roofline import Roofs
from .critical_path import critical_path
from .statistics import BYTES, Statistics
from .work import Work

__all__ = ["Bound", "Standing", "stand"]


@dataclass(frozen=True)
class Bound:
    """Something that takes time.

    Attributes:
        name: what.
        amount, unit: how much of it.
        rate: how much the machine does a second.
        seconds: what it takes at least: amount by rate.
        roof: whether it is one of the roofs of the roofline model.
    """

    name: str
    amount: float
    unit: str
    rate: float
    seconds: float
    roof: bool


@dataclass(frozen=True)
class Standing:
    """A program on a machine.

    Attributes:
        bounds: what takes time.
        seconds: what the program takes.
        flops: operations that round, a second.
    """

    bounds: tuple[Bound, ...]
    seconds: float
    flops: float

    @property
    def roof(self) -> Bound:
        """The lowest roof: the one that would take longest."""
        return max((bound for bound in self.bounds if bound.roof), key=lambda bound: bound.seconds)

    @property
    def attained(self) -> float:
        """The share of the lowest roof that is attained: the time it allows, by the time it takes."""
        return self.roof.seconds / self.seconds


def stand(work: Work, statistics: Statistics, roofs: Roofs, seconds: float) -> Standing:
    """Compares a program that takes `seconds` with what the machine can do."""
    traffic, lanes = statistics.traffic, work.lanes
    flop = statistics.flops.all * lanes
    # Where its data live: what is touched at all must fit.
    home = roofs.level_of(BYTES * traffic.touched)
    first = roofs.levels[0]
    choice = roofs.latencies["max"]
    costs = [0.0 if code in READ else roofs.latencies.get(row.name, choice) for code, row in enumerate(OPS)]
    count = sum(statistics.calls.values()) * lanes
    calls = fsum(roofs.calls[name] * number * lanes for name, number in statistics.calls.items())
    bounds = [
        _bound("arithmetic", flop, "flop", roofs.flops),
        _bound("loops and L1 cache", BYTES * traffic.nest_accesses, "B", first.bandwidth),
    ]
    if home is not first:
        where = f"{home.name} cache" if home.size else home.name
        bounds.append(_bound(f"data from {where}", BYTES * (traffic.reads + traffic.writes), "B", home.bandwidth))
    if count:
        bounds.append(Bound("calls of libm", count, "calls", count / calls, calls, roof=False))
    unit = _on_the_unit(statistics.divisions, roofs)
    if unit:
        amount = sum(statistics.divisions.values()) * lanes
        seconds_of_unit = unit * lanes
        bounds.append(
            Bound("divisions and roots", amount, "ops", amount / seconds_of_unit, seconds_of_unit, roof=False)
        )
    if work.graph is not None:
        path = critical_path(work.graph, costs)
        waits = path.cost
        bounds.append(Bound("critical path", len(path.nodes), "ops", len(path.nodes) / waits, waits, roof=False))
    return Standing(tuple(bounds), seconds, flop / seconds)


def _on_the_unit(divisions: Mapping[str, int], roofs: Roofs) -> float:
    """Seconds for which divisions and roots occupy the unit that divides."""
    division, root = (1 / roofs.divisions[name] for name in ("div", "root"))
    costs = {"div": division, "root": root, "inverse": division, "inverse_root": division + root}
    costs |= {"inverse_square": division, "inverse_root_cube": division + root}
    if roofs.lanes == max(VECTOR_WIDTHS):
        # Beside the unit, roots are computed, and every other vector of quotients (`compiler/c/text/quotients.h`).
        costs |= {"div": division / 2, "root": 0.0}
    return fsum(costs[name] * number for name, number in divisions.items())


def _bound(name: str, amount: float, unit: str, rate: float) -> Bound:
    return Bound(name, amount, unit, rate, amount / rate, roof=True)
