"""Functions over sizes with methods that show them, from loops where other functions have a graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .runtime import arguments as checked
from .runtime.executable.compile_function import compile_wanted
from .runtime.sized import compile_sized as runtime_sized
from .runtime.sized import family, function
from .seeing import CompiledFunction, to_be_seen

if TYPE_CHECKING:
    from .tools.text.document import Document

__all__ = ["Family", "SizedFunction", "compile_sized"]


class SizedFunction(function.SizedFunction, CompiledFunction):
    __doc__ = function.SizedFunction.__doc__

    @property
    def _subject(self) -> NoReturn:
        raise ValueError(self.without_graph("this"))

    def show(self, stage: str | Sequence[str] = (), **selection: Any) -> Document:
        """The text of the program: ``c``, or ``loops`` at these sizes. `Family.show` has the loops over the sizes.

        Raises:
            ValueError: for another stage, and for a selection of lines; these need a graph.
        """
        names = [stage] if isinstance(stage, str) else [*stage]
        if any(selection.values()) or names not in ([], ["c"], ["loops"]):
            raise ValueError(self.without_graph(f"show({', '.join([*map(repr, names), *selection])})"))
        return _text(self.loops, "loops") if names == ["loops"] else _text(self.source, "c")

    def stats(self, *, machine: bool = True) -> Document:
        """Counts operations, loops, memory and text; nothing is measured on the machine."""
        from .tools.text.document import Document

        report = self._executable.report
        looped, operations = report["coverage"]
        rows = [
            ("operations", f"{operations:,}"),
            ("in loops", f"{looped:,}"),
            ("loop nests", f"{report['nests']:,}"),
            ("doubles in memory", f"{report['memory']:,}"),
            ("bytes of C", f"{report['bytes']:,}"),
        ]
        document = Document(data=dict(rows))
        document.table(("", self.name), rows, left=1)
        return document

    def verify(self, *arguments: Any) -> Document:
        """Compares the program with the eager autograd at these sizes, which takes some 5 us an operation.

        Args:
            arguments: of a call; by default, random numbers.

        Raises:
            ProofError: if any number differs, which is a bug in microgpt.
            TypeError, IndexError, OverflowError: if the arguments do not fit the example.
        """
        from .tools.text.document import Document

        count = self.check(arguments or None)
        document = Document()
        document.say(f"{count:,} numbers of {self.name}, all equal to the eager autograd's, bit by bit", 79)
        return document

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        prefix: str | None = None,
        dtype: str = "double",
        plain: bool = False,
    ) -> list[Path]:
        """See `CompiledFunction.export`."""
        place = checked.path("folder", folder)
        name = self.name if prefix is None else checked.string("prefix", prefix)
        return self.write_c(place, name, checked.choice("dtype", dtype, ("double", "float")), plain)

    def _repr_html_(self) -> str:
        return self.stats()._repr_html_()


def _without_graph(name: str) -> Callable[..., NoReturn]:
    def method(self: SizedFunction, *arguments: Any, **options: Any) -> NoReturn:
        raise ValueError(self.without_graph(name))

    method.__name__, method.__doc__ = name, "Needs a graph. Raises ValueError, which says what to do."
    return method


for _name in ("bench", "explore", "graph", "passes"):
    setattr(SizedFunction, _name, _without_graph(_name))


class Family(family.Family):
    __doc__ = family.Family.__doc__

    _sized = SizedFunction

    def show(self) -> Document:
        """The loops over the sizes.

        Raises:
            ValueError: if the function has none, with the reason.
        """
        return _text(self.source, "loops")

    _compiled_flat = staticmethod(to_be_seen(CompiledFunction, compile_wanted))


compile_sized = to_be_seen(Family, runtime_sized.compile_sized)


def _text(text: str, language: str) -> Document:
    from .tools.text.document import Document

    document = Document()
    document.code(text.rstrip("\n").split("\n"), language)
    return document
