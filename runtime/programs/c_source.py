"""The C library of a model: every program it needs, over one memory, and the functions that drive them.

In: the model's shape and the optimiser's constants. Out: the text of one C file without dependencies but libm, and
where in its memory the caller finds what. The file has a function for whole runs of training (forward, backward and
update, step after step), one for the gradient alone, and one for drawing documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import log2

from ...compiler.c.c_text import c_text, decimal_text, plain_text
from ...compiler.c.emit_c import CText
from ...compiler.c.memory_struct import constants_text, memory_struct, read_constants
from ...compiler.c.prelude import exact_function, prelude, team, waiting
from ...compiler.ir.graph import Graph
from ...compiler.kernels.merge import Series
from ...compiler.loops.compile_family import Family
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Array
from ...compiler.loops.place import NotRegularError
from ...compiler.loops.prove_loops import prove_loops
from ...compiler.loops.vmap import one_lane, vmap
from ...compiler.numerics import current
from ...compiler.pipeline import compile_c, compile_graph, without_collection
from ...model.config import AdamConfig, GPTConfig
from ..executable.estimate import check
from . import graphs
from .estimate import estimate_c, estimate_flat, least_divided
from .model_loops import (
    PROGRAM_NAMES,
    FinalPrograms,
    ModelLoops,
    Programs,
    Tell,
    flat_loops,
    gradient_name,
    gradient_spans,
    side_by_side,
    with_copies,
    without_copies,
)
from .shapes import is_sized, witnessed
from .sized_loops import SizedModel, sized_loops, sized_model

__all__ = ["PROGRAM_NAMES", "ModelSource", "model_source", "proved_source", "step_constants_text"]

_PACKAGE = __package__ or ""
# Numbers that fill a cache line, in single precision.
_LINE = 16
# What stands around the optimiser in fast numerics.
_MODE = {"flush": "        const tiny_mode mode = flush_tiny();\n", "restore": "        restore_tiny(mode);\n"}
# What threads that divide documents do for a gradient that is added up.
_ADDED = {
    "zero": "            memset(gradient + start, 0, (size_t)(end - start) * sizeof *gradient);\n",
    "parts": "    for (int part = 0; part < PARTS; part++) {\n"
    "        meet(t);\n"
    "        gradients_of[length - 1][part](m, index, t);\n"
    "    }\n",
}


@dataclass(frozen=True)
class ModelSource:
    """A library in C.

    Attributes:
        config, optimizer: the model's shape, and the constants of its training.
        prefix: of everything that other files can see.
        head, body: the beginning of the C file, and what was made from the programs.
        driver: its end: the functions that the library exports.
        declarations: of these functions; they stand before the driver, or in a header that is included there.
        programs: what the body carries out, by the names of their functions.
        optimizer_graph: of one parameter.
        optimizer_addresses: of its arguments, for the first parameter; results take their place.
        addresses: of ``parameters``, ``gradient``, ``first_moment``, ``second_moment``, ``cache``, ``probabilities``;
            and ``memory``, the size of all.
        constants: numbers that stay in memory, by address, in hexadecimal.
        loops: what it was made from.
        plain: these before they were for several documents at once, if they are; they are what is proved.
        reason: why these were found at the model's own sizes; empty if they were not.
    """

    config: GPTConfig
    optimizer: AdamConfig
    prefix: str
    head: str
    body: CText
    driver: str
    declarations: str
    programs: Programs
    optimizer_graph: Graph
    optimizer_addresses: Mapping[str, int]
    addresses: Mapping[str, int]
    constants: Mapping[int, str]
    loops: ModelLoops
    plain: ModelLoops
    reason: str

    @property
    def text(self) -> str:
        """The C file, which depends on no other."""
        return self.file(self.declarations)

    @property
    def body_line(self) -> int:
        """How many lines stand before the body."""
        return self.head.count("\n")

    def file(self, declarations: str) -> str:
        """The C file with the declarations, or what includes them."""
        return "\n".join([self.head + self.body.text, declarations, self.driver])

    @property
    def layout(self) -> Layout:
        """Of its memory."""
        return self.loops.layout

    @property
    def families(self) -> tuple[Family, ...]:
        """The programs of all lengths, and of all positions."""
        return self.plain.families

    def prove_all(self, tell: Callable[[int, int], None] = lambda done, total: None) -> int:
        """Checks every program of a model against its graph: unrolled, the loops must be the graph.

        Args:
            tell: is told how many programs of how many are proved.

        Returns:
            how many operations the graphs have.

        Raises:
            ProofError: naming the program and the operation, if one is not what it should be.
        """
        todo = [(family, number) for family in self.families for number in family.programs]
        operations = self._prove_optimizer()
        for done, (family, number) in enumerate(todo, 1):
            operations += self._prove(family, number)
            tell(done, len(todo))
        return operations

    def prove(self) -> None:
        """Checks the optimiser; and of programs that were instantiated, those of small models that nothing was learned
        from. Of programs that were found at the model's own sizes, every one that was made from a graph, the last of
        those that continue them, and all that are not witnessed (see `check_library`).

        The others are proved by `prove_all`: their graphs would take longer than everything else.

        Raises:
            ProofError: naming the program and the operation, if one is not what it should be.
        """
        if self.plain.prove_origin:
            self.plain.prove_origin()
        else:
            lengths, positions = witnessed(self.config)
            for family, known in zip(self.families, (lengths, range(positions)), strict=True):
                further = (number for number in family.continued if number not in known)
                for number in dict.fromkeys((*family.graphs, *further, *family.continued[-1:])):
                    self._prove(family, number)
        self._prove_optimizer()

    def _prove(self, family: Family, number: int) -> int:
        """Proves the program that runs, transposed copies and all; of those for several documents at once, what they
        are for one.
        """
        final = FinalPrograms(self.programs, self.programs["copy_parameters"])
        return self.plain.prove(final if self.plain is self.loops else without_copies(self.plain), family, number)

    def _prove_optimizer(self) -> int:
        """Proves one lane; the others differ in where they begin alone."""
        graph = self.optimizer_graph
        inputs = [self.optimizer_addresses[tensor.name] for tensor in graph.inputs]
        outputs = {output.name: self.optimizer_addresses[output.name] for output in graph.outputs}
        prove_loops(one_lane(self.programs["adam"]), graph, self.layout, inputs, outputs)
        return len(graph)


def model_source(
    config: GPTConfig,
    optimizer: AdamConfig,
    tell: Tell = lambda what, kind="", number=0: None,
    vector_width: int = 8,
    find_sized: Callable[[int], SizedModel] | None = None,
    prefix: str = "microgpt",
    exported: bool = False,
    kind: str = "training",
    reuses: bool | None = None,
    divided: bool = False,
) -> ModelSource:
    """Compiles a model to C. Whoever uses the result has to prove it.

    Args:
        tell: takes what is being done, and for each stage of a graph that is done, the kind and number of its program.
        vector_width: doubles in the widest vector of the processor that the library is for: 8, 4 or 2; 1 for
            C without vectors.
        find_sized: finds the programs of all models of a number of layers; by default, they are learned.
        prefix: of everything that other files can see.
        exported: whether, in portable numerics, it also has the functions of libm that Python's random numbers need.
        kind: of the programs for lengths, see `flat_loops`. Those that accumulate train by batches.
        reuses: see `SizedModel.at`.
        divided: whether threads divide each document that is long enough.

    Raises:
        TooLargeError: if it takes more memory than there is.
        CompileError: if the model cannot be compiled.
    """
    check(estimate_c(config))
    number = current().number
    lanes = current().lanes(vector_width)
    if kind == "lanes" and lanes == 1:
        kind, find_sized = "accumulation", None
    find_sized = find_sized or partial(sized_model, kind=kind)
    loops, reason = model_loops(config, tell, find_sized, kind, reuses)
    plain = loops
    if kind == "lanes":
        try:
            loops = side_by_side(plain, lanes)
        except NotRegularError:
            return model_source(config, optimizer, tell, vector_width, None, prefix, exported, "accumulation", reuses)
    layout, size = loops.layout, config.parameter_count
    parameters, gradient = layout.arguments["parameters"][0], layout.outputs["gradient"][0]
    arrays = {
        "parameter": parameters,
        "gradient": gradient,
        "first_moment": layout.add(Array("first_moment", (size,), space="argument")),
        "second_moment": layout.add(Array("second_moment", (size,), space="argument")),
    }
    constants = layout.add(Array("step_constants", (3,), space="argument"))
    if kind == "lanes":
        # For gradients that threads hand to each other: two arrays, which take turns, of whole cache lines.
        layout.add(Array("handed_over", (2, -(-size // _LINE) * _LINE), space="argument"))
    if divided:
        # For what steps take with one thread and with all, and how many have been taken.
        layout.add(Array("trials", (3,), space="argument"))
    shared = {"learning_rate": constants, "correction1": constants + 1, "correction2": constants + 2}
    results = {name: arrays[name] for name in ("parameter", "first_moment", "second_moment")}
    update = compile_graph(lambda: graphs.optimizer_graph(optimizer))
    adam = vmap(update, size, arrays, shared, results, layout)
    tell("writing the loops as C")
    final = with_copies(loops)
    programs = final.programs.with_further(adam=adam, copy_parameters=final.copy_parameters)
    body = _body(programs, final.series, layout, vector_width, divided)
    addresses = {
        **{name: address for name, address in arrays.items() if name != "parameter"},
        "parameters": parameters,
        "cache": loops.cache,
        "probabilities": layout.outputs["probabilities"][0],
        "memory": layout.size,
    }
    numbers = {"VOCABULARY": config.vocab_size, "BLOCK": config.block_size}
    defines = "".join(f"enum {{ {name} = {value} }};\n" for name, value in numbers.items())
    names = {
        "prefix": prefix,
        "PREFIX": prefix.upper(),
        "memory": layout.size,
        "bytes": f"{(4 if number == 'float' else 8) * layout.size:,}",
        "number": number,
        "batch": "",
        "documents": "one document",
        "added": "",
    }
    if kind != "training":
        names |= {"documents": "`batch` documents", "added": ", added to what that is so far"}
    if kind != "training" or divided:
        names["batch"] = f",\n    long batch, long thread, long threads, {prefix}_state **states, long *progress"
    # Those of a series read the same constants.
    written = read_constants(layout, programs.made.values())
    constants_function = constants_text(layout, written, "", "memory", number)
    choose = c_text(_PACKAGE, "choose.c", prefix=prefix, number=number, uniform="double", f="f" * (number == "float"))
    names |= _MODE if current().fast else dict.fromkeys(_MODE, "")
    names |= {"constants": step_constants_text(optimizer), "mean": plain_text(_PACKAGE, "mean.c")}
    names |= _ADDED if kind == "accumulation" else dict.fromkeys(_ADDED, "")
    names |= {"alone": ", &alone" * divided, "line": layout.align, "shortest": least_divided(config)}
    file = "divided.c" if divided else f"{kind}.c"
    train = c_text(_PACKAGE, file, w=lanes, parameters=size, lanes=lanes, waiting=waiting(), **names)
    functions = [exact_function(prefix), c_text(_PACKAGE, "driver.c", train=train, choose=choose, **names)]
    kinds = "hc" if exported and not current().libm else ""
    declared, defined = [c_text(_PACKAGE, f"portable.{each}", prefix=prefix) for each in kinds] or ["", ""]
    together = team(number) if divided else ""
    driver = "\n".join([defines, constants_function, _table(config, kind, divided), *functions]) + defined
    definitions = prelude(vector_width, program=together + body.text + driver) + together
    struct = memory_struct(layout, "memory", number)
    return ModelSource(
        config,
        optimizer,
        prefix,
        f"/* Made for {config} by microgpt. Do not edit. */\n{definitions}\n{struct}",
        body,
        driver,
        c_text(_PACKAGE, "declarations.h", **names) + declared,
        programs,
        update,
        arrays | shared,
        addresses,
        written,
        loops,
        plain,
        reason,
    )


def _body(programs: Programs, series: Sequence[Series], layout: Layout, vector_width: int, divided: bool) -> CText:
    """The programs in C."""
    run = partial(compile_c, layout=layout, vector_width=vector_width, divided=divided)
    if series:
        with suppress(NotRegularError):
            return run(list(programs.made.values()), list(programs.made), series=series)
    return run(list(programs.values()), list(programs))


def model_loops(
    config: GPTConfig,
    tell: Tell,
    find_sized: Callable[[int], SizedModel],
    kind: str = "training",
    reuses: bool | None = None,
) -> tuple[ModelLoops, str]:
    """The programs of a model; and, if they were found at its own sizes, why.

    Raises:
        CompileError: if the model cannot be compiled.
    """
    if not is_sized(config):
        return flat_loops(config, tell, kind=kind), "the model is small"
    try:
        tell("tracing small models")
        return sized_loops(config, find_sized(config.n_layer), reuses=reuses), ""
    except NotRegularError as problem:
        check(estimate_flat(config))
        return flat_loops(config, tell, kind=kind), str(problem)


def proved_source(
    config: GPTConfig, optimizer: AdamConfig, prefix: str, vector_width: int, reuses: bool | None = None
) -> ModelSource:
    """Compiles a model to C for an export, and proves all of it.

    Args:
        reuses: see `SizedModel.at`.

    Raises:
        CompileError: if the model cannot be compiled.
        ProofError: if a program is not what it should be.
    """
    with without_collection():
        source = model_source(config, optimizer, vector_width=vector_width, prefix=prefix, exported=True, reuses=reuses)
        source.prove_all()
        return source


def step_constants_text(optimizer: AdamConfig) -> str:
    """A function for what all parameters share at a step. It computes in doubles, in all numerics."""
    holes: dict[str, object] = {"number": current().number}
    for place, beta in enumerate((optimizer.beta1, optimizer.beta2), 1):
        holes[f"beta{place}"] = decimal_text(beta)
        # Where the power is below 2^-60.
        holes[f"last{place}"] = decimal_text(60 / -log2(beta) if beta else 0.0)
    # In fast numerics, the name alone means a function of single precision.
    holes["power"] = "(pow)" if current().fast else "pow"
    return c_text(_PACKAGE, "constants.c", **holes)


def _table(config: GPTConfig, kind: str, divided: bool) -> str:
    lengths = ", ".join(f"length{number}" for number in range(1, config.block_size + 1))
    positions = ", ".join(f"position{number}" for number in range(config.block_size))
    parts = range(len(gradient_spans(config))) if kind == "accumulation" else ()
    rows = (
        ", ".join(gradient_name(f"length{number}", part) for part in parts)
        for number in range(1, config.block_size + 1)
    )
    spans = ", ".join(f"{{{span.start}, {span.stop}}}" for span in gradient_spans(config))
    gradients = (
        f"enum {{ PARTS = {len(parts)} }};\n"
        f"static program *const gradients_of[][PARTS] = {{{', '.join(f'{{{row}}}' for row in rows)}}};\n"
        f"static const long spans[PARTS][2] = {{{spans}}};\n"
    )
    return (
        f"typedef void program(memory *m, const int *ix{', team *t' * divided});\n"
        f"static program *const lengths_of[] = {{{lengths}}};\n"
        f"{gradients * bool(parts)}"
        f"static program *const positions_of[] = {{{positions}}};\n"
    )
