"""C interface: the function that other programs call, its header, an example of a call, and a Makefile.

In: the C of programs that work on a memory, and where in it arguments and results lie. Out: the files of an export.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ...compiler.c.c_text import c_text
from ...compiler.c.print_c import number_text
from ...compiler.ir.graph import Graph
from ...compiler.ir.names import identifier, unused
from .c_files import bits_text, exact_text, exactness, header, is_taken, makefile, refusal, write_files
from .executable import c_head
from .row_data import Rows

__all__ = ["Interface"]

_PACKAGE = __package__ or ""


@dataclass(frozen=True)
class Interface:
    """What a function in C takes and gives.

    Attributes:
        prefix: of every name that other files can see.
        number: the type of numbers.
        graph: what the function computes: its indices and its results.
        arguments: first input of the graph, and size, by name.
        inputs, outputs: where in the memory they begin, by name.
        memory: how many numbers it has.
        rows: of each argument that is rows of data, its name and rows to try it with.
    """

    prefix: str
    number: str
    graph: Graph
    arguments: Mapping[str, tuple[int, int]]
    inputs: Mapping[str, Sequence[int]]
    outputs: Mapping[str, Sequence[int]]
    memory: int
    rows: Mapping[str, Rows] = field(default_factory=dict)

    def write(
        self,
        folder: Path,
        width: int,
        text: str,
        program: str,
        call: str,
        example: Mapping[str, Sequence[float]],
        indices: Sequence[int],
    ) -> list[Path]:
        """Writes the files.

        Args:
            width: doubles of a vector.
            text: the C, but for what it begins with.
            program: prepares the memory under this name and ``_begin``.
            call: runs it, in C.
            example, indices: numbers for each argument.
        """
        prefix, number = self.prefix, self.number
        names = {
            "prefix": prefix,
            "parameters": "".join(f", {parameter}" for parameter in self._parameters()),
            "memory": self.memory,
            "bytes": f"{(4 if number == 'float' else 8) * self.memory:,}",
            "number": number,
            "exactness": exactness(prefix, number),
            "refusal": refusal(prefix, number),
            "copies_in": "".join(
                f"    memcpy(state->numbers + {self.inputs[argument][0]}, {name}, "
                f"{self.arguments[argument][1]} * sizeof({number}));\n"
                for argument, name in self._given.items()
            ),
            "copies_out": "".join(
                f"    if ({name}) memcpy({name}, state->numbers + {self.outputs[output][0]}, "
                f"{self._sizes[output]} * sizeof({number}));\n"
                for output, name in self._made.items()
            ),
            "program": program,
            "call": call,
            "exact": exact_text(prefix, number),
        }
        interface = c_text(_PACKAGE, "function.c", **names)
        about = f"{self.graph.name}, made by microgpt: {bits_text(number)}, and nothing needed but libm."
        head = c_head(self.graph, text + interface, width, number)
        declarations = c_text(_PACKAGE, "function.h", **names)
        return write_files(
            folder,
            {
                f"{prefix}.h": header(prefix, about, self._macros(), declarations),
                f"{prefix}.c": f'{head}#include "{prefix}.h"\n\n{text}\n{interface}',
                "main.c": c_text(_PACKAGE, "main.c", **names, **self._example(example, indices)),
                "Makefile": makefile(prefix, "example"),
            },
        )

    @cached_property
    def _names(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """The names in C of arguments, of rows and of results."""
        taken = {self.prefix, "state", "index", "i"}

        def names(wanted: Iterable[str], behind: Sequence[str] = ()) -> dict[str, str]:
            found = {}
            for name in wanted:
                plain = identifier(name)
                found[name] = unused(plain + "_" * is_taken(plain), taken)
                taken.update((found[name], *(f"{found[name]}{each}" for each in behind)))
            return found

        rows = names(self.rows, ("_count", "_indices"))
        return names(self.arguments), rows, names(output.name for output in self.graph.outputs)

    @property
    def _given(self) -> dict[str, str]:
        return self._names[0]

    @property
    def _made(self) -> dict[str, str]:
        return self._names[2]

    @property
    def _sizes(self) -> dict[str, int]:
        return {output.name: len(output.nodes) for output in self.graph.outputs}

    def _parameters(self) -> list[str]:
        parameters = [f"const {self.number} *{name}" for name in self._given.values()]
        if self.graph.indices:
            parameters.append("const int *index")
        for argument, rows in self.rows.items():
            name = self._names[1][argument]
            parameters += [f"const {self.number} *{name}"] if rows.size else []
            parameters += [f"const int *{name}_indices"] if rows.index_count else []
            parameters.append(f"long long {name}_count")
        return [*parameters, *(f"{self.number} *{name}" for name in self._made.values())]

    def row_tables(self) -> str:
        """C for arrays of what the rows of all arguments are: ``rows``, ``numbers`` and ``counts``."""
        named = [(self._names[1][argument], rows) for argument, rows in self.rows.items()]
        tables = {
            f"const {self.number} *const row_floats": [name if rows.size else "0" for name, rows in named],
            "const int *const row_indices": [f"{name}_indices" if rows.index_count else "0" for name, rows in named],
            "const long long row_counts": [f"{name}_count" for name, _ in named],
        }
        return "".join(f"    {declared}[] = {{{', '.join(values)}}};\n" for declared, values in tables.items())

    def _macros(self) -> dict[str, str]:
        """How many numbers there are of each argument and result, and where in them the user's arguments begin."""
        sizes = {}
        for name, (first, size) in self.arguments.items():
            sizes[_upper(name)] = str(size)
            for tensor in self.graph.inputs:
                if tensor.argument == name:
                    shape = " x ".join(map(str, tensor.shape)) or "a number"
                    sizes[f"AT_{_upper(tensor.name)}"] = f"{tensor.start - first} /* {_plain(tensor.name)}: {shape} */"
        for index in self.graph.indices:
            about = f"of index: {index.count} from 0 to {index.limit - 1}"
            sizes[f"AT_{_upper(index.name)}"] = f"{index.start} /* {about} */"
        for argument, rows in self.rows.items():
            name = _upper(self._names[1][argument])
            sizes[f"{name}_ROW"] = f"{rows.size} /* numbers of a row of {_plain(argument)} */"
            if rows.index_count:
                limits = ", ".join(
                    str(tensor.limit - 1) for tensor in rows.structure.indices for _ in range(tensor.count)
                )
                sizes[f"{name}_INDICES"] = f"{rows.index_count} /* whole numbers of a row, from 0 to {limits} */"
        return sizes | {f"SIZE_OF_{_upper(output)}": str(size) for output, size in self._sizes.items()}

    def _example(self, example: Mapping[str, Sequence[float]], indices: Sequence[int]) -> dict[str, str]:
        tables = [self._table(name, example[argument]) for argument, name in self._given.items()]
        arguments = [*self._given.values()]
        if self.graph.indices:
            tables.append(_indices("index", indices))
            arguments.append("index")
        for argument, rows in self.rows.items():
            name = self._names[1][argument]
            if rows.size:
                tables.append(self._table(name, rows.floats))
                arguments.append(name)
            if rows.index_count:
                tables.append(_indices(f"{name}_indices", rows.indices))
                arguments.append(f"{name}_indices")
            arguments.append(str(rows.count))
        results = [f"static {self.number} {name}[{self._sizes[output]}];\n" for output, name in self._made.items()]
        prints = [
            f'    for (long i = 0; i < {self._sizes[output]}; i++) printf("{output}[%ld] = %a\\t%.17g\\n", i, '
            f"(double){name}[i], (double){name}[i]);\n"
            for output, name in self._made.items()
        ]
        return {
            "tables": "".join(tables) + "".join(results),
            "arguments": ", ".join([*arguments, *self._made.values()]),
            "prints": "".join(prints),
        }

    def _table(self, name: str, numbers: Iterable[float]) -> str:
        lines = "".join(f"    {number_text(each.hex(), self.number)},\n" for each in numbers)
        return f"static const {self.number} {name}[] = {{\n{lines}}};\n"


def _indices(name: str, numbers: Iterable[int]) -> str:
    return f"static const int {name}[] = {{{', '.join(map(str, numbers))}}};\n"


def _upper(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII).upper()


def _plain(text: str) -> str:
    """What can stand in a comment."""
    return re.sub(r"[^\w.\[\], ]", "_", text, flags=re.ASCII)
