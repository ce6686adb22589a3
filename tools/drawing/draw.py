"""Draw: a program at one of the three levels, as a picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.pipeline import without_collection
from ...compiler.python.form_statements import form_statements
from ..loops.known import know
from ..passes import stages
from ..subject.subject import Subject
from .colours import colour_by_function
from .model_level import model_picture, model_picture_of_loops
from .op_level import op_picture
from .picture import Picture
from .roles import role_of
from .scalar_level import find_operation, neighbourhood, scalar_picture
from .scopes import check_place, check_scope, operations_of
from .values import Numbers, add_numbers, adjoints
from .vectors import vectors_of_graph, vectors_of_loops

__all__ = ["LEVELS", "MOST_BOXES", "RADIUS", "Wanted", "check_wanted", "draw"]

# By level: more boxes than these in one drawing are no picture any more, and dot takes minutes. Boxes of scalars are
# small; of the others, layers that are alike are merged before there are too many.
MOST_BOXES = {"model": 120, "op": 120, "scalar": 300}
LEVELS = tuple(MOST_BOXES)
RADIUS = 2
# Functions whose scopes tell no role seldom have layers that are alike; so they are merged by turns and lines, sooner.
MERGE_ABOVE = {"model": 30, "op": 30}


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn of a program.

    Attributes:
        level: of `LEVELS`; None for the one that the rest goes with.
        scope: only this scope of the model, at the levels ``op`` and ``scalar``.
        around: only what is near this operation, at the level ``scalar``; up to `radius` steps away.
        stage: the graph that this stage makes, at the level ``scalar``; None for the last.
        limit: the most boxes; None for what can be read.
        values: of a graph of the program, what every operation is worth, and a few words of whose values these are.
    """

    level: str | None = None
    scope: str | None = None
    around: str | None = None
    radius: int = RADIUS
    stage: str | None = None
    limit: int | None = None
    values: Callable[[Graph], tuple[list[float], str]] | None = None

    @property
    def chosen_level(self) -> str:
        """The level, or the one that the rest goes with."""
        narrow = self.scope is not None or self.around is not None
        return self.level or ("scalar" if narrow else "model")

    @property
    def can_do_without_graph(self) -> bool:
        """Whether it can be drawn of a program whose graph is not made."""
        return self.chosen_level != "scalar" and self.values is None

    def name(self, subject: Subject) -> str:
        """What a file is called by default: ``training7-op``."""
        what, level = self.scope or self.around or "", self.chosen_level
        parts = [subject.name]
        parts += [level] if level == "op" or (level == "scalar" and not what) else []
        parts += [re.sub(r"[^\w.]+", "_", what).strip("_.")] if what else []
        return "-".join(parts)


def check_wanted(wanted: Wanted, subject: Subject, option: Callable[[str], str] = str) -> None:
    """Refuses what does not go together.

    Args:
        option: how the name of an attribute is written.

    Raises:
        ValueError: saying what does not.
    """
    level, graphs = wanted.chosen_level, stages.graph_names(subject)
    if level not in LEVELS:
        raise ValueError(f"{option('level')} is one of {', '.join(LEVELS)}, not {level!r}")
    if wanted.scope is not None and wanted.around is not None:
        raise ValueError(f"give {option('scope')} or {option('around')}, not both")
    if level == "model" and wanted.scope is not None:
        raise ValueError(
            f"{option('scope')} goes with {option('level')} op or scalar; the level model draws all scopes"
        )
    if level != "scalar" and wanted.around is not None:
        raise ValueError(f"{option('around')} goes with {option('level')} scalar")
    if level != "scalar" and wanted.stage is not None:
        raise ValueError(f"{option('stage')} goes with {option('level')} scalar; the other levels draw the last graph")
    if wanted.stage is not None and wanted.stage not in graphs:
        raise ValueError(f"{option('stage')} {wanted.stage!r} makes no graph; those that do are {', '.join(graphs)}")


def draw(subject: Subject, wanted: Wanted) -> Picture:
    """The picture.

    Raises:
        TooLargeError: if it would have more boxes than `wanted` allows.
        NothingError: if there is no such scope or operation.
        CompileError: if the program cannot be compiled.
    """
    with without_collection():
        return _draw(subject, wanted)


def _draw(subject: Subject, wanted: Wanted) -> Picture:
    if subject.is_large and wanted.can_do_without_graph:
        return _draw_loops(subject, wanted)
    level, title = wanted.chosen_level, _title(subject, wanted)
    limit = wanted.limit or MOST_BOXES[level]
    last = stages.graph_names(subject)[-1]
    product: Graph = stages.stage_product(subject, wanted.stage or last)
    known = any(role_of(origin.scope) != "other" for origin in product.origins)
    most = None if known or wanted.limit else MERGE_ABOVE.get(level)
    if level == "scalar":
        picture = _scalars(wanted, limit, product, title)
    elif level == "op":
        if wanted.scope is not None:
            check_scope(product, wanted.scope)
        vectors = vectors_of_graph(product, subject.gradient, subject.place_first)
        picture = op_picture(vectors, title, limit, wanted.scope, most)
    else:
        picture = model_picture(product, title, limit, most)
    if not known:
        colour_by_function(picture, product)
    if wanted.values is not None:
        values, words = wanted.values(product)
        gradients = None if subject.gradient is None else adjoints(product, values, product.outputs[0].nodes[0])
        add_numbers(picture, product, Numbers(values, gradients))
        picture.counts += f"; values (=) and gradients (∂) {words}"
    return picture


def _draw_loops(subject: Subject, wanted: Wanted) -> Picture:
    """The same of a program whose graph is not made."""
    title, limit = _title(subject, wanted), wanted.limit or MOST_BOXES[wanted.chosen_level]
    known = know(subject)
    if wanted.chosen_level == "op":
        vectors = vectors_of_loops(known, subject)
        if wanted.scope is not None:
            check_place({place: None for places in vectors.places for place in places}, wanted.scope)
        picture = op_picture(vectors, title, limit, wanted.scope)
    else:
        picture = model_picture_of_loops(known, subject, title, limit)
    picture.counts += "; made from the loops, without the graph"
    return picture


def _title(subject: Subject, wanted: Wanted) -> str:
    title = subject.title
    if wanted.scope is not None:
        title = f"{wanted.scope}: {title[0].lower()}{title[1:]}"
    if wanted.around is not None:
        steps = f"{wanted.radius} step{'s' * (wanted.radius != 1)}"
        title = f"{steps} around {wanted.around}: {title[0].lower()}{title[1:]}"
    last = stages.graph_names(subject)[-1]
    return title if wanted.stage in (None, last) else f"{title}, after {wanted.stage}"


def _scalars(wanted: Wanted, limit: int, product: Graph, title: str) -> Picture:
    statements = form_statements(product)
    centre = None
    if wanted.around is not None:
        centre = find_operation(statements, wanted.around)
        nodes = neighbourhood(product, centre, wanted.radius, limit)
    else:
        nodes = operations_of(product, wanted.scope or "", limit)
    return scalar_picture(statements, nodes, title, centre)
