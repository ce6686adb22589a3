"""The C library of a model: every program it needs, over one memory, and the functions that drive them.

In: the model's shape and the optimiser's constants. Out: the text of one C file without dependencies but libm, and
where in its memory the caller finds what. The file has a function for whole runs of training (forward, backward and
update, step after step), one for the gradient alone, and one for drawing documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ...compiler.c.emit_c import CText, emit_c, memory_comment
from ...compiler.c.emit_expression import number_text
from ...compiler.c.guards import EXACT_FUNCTION
from ...compiler.c.prelude import prelude
from ...compiler.ir.graph import Graph
from ...compiler.loops.compile_family import Family, compile_family
from ...compiler.loops.loop_program import LoopProgram
from ...compiler.loops.map_lanes import map_lanes, one_lane
from ...compiler.loops.memory_map import MemoryMap, memory_map
from ...compiler.loops.place import Layout
from ...compiler.loops.run_loops import prove_loops
from ...compiler.loops.transpose import Transposer
from ...compiler.pipeline import compile_graph, without_collection
from ...model.config import AdamConfig, GPTConfig
from ..executable.estimate import check
from ..machine.toolchain import vector_width_here
from . import graphs
from .estimate import estimate_c

__all__ = ["PROGRAM_NAMES", "ModelSource", "model_source", "proved_source"]

# The functions in C of what is compiled, by kind; with the number of its length or position.
PROGRAM_NAMES = {"training": "length{}", "inference": "position{}", "optimizer": "adam"}


class Tell(Protocol):
    """Takes what is being done; of a stage of a graph that is done, also the kind and number of its program."""

    def __call__(self, what: str, kind: str = "", number: int = 0, /) -> None: ...


@dataclass(frozen=True)
class ModelSource:
    """A library in C.

    Attributes:
        text: of the C file.
        body: the part of it that was made from the programs, which begins after `body_line` lines.
        programs: what the body carries out, by the names of their functions.
        memory: what is where.
        optimizer_graph: of one parameter.
        optimizer_addresses: of its arguments, for the first parameter; results take their place.
        addresses: of ``parameters``, ``gradient``, ``first_moment``, ``second_moment``, ``cache``, ``probabilities``;
            and ``memory``, the size of all.
        families: what it was made from.
        layout: of its memory.
    """

    text: str
    body: CText
    body_line: int
    programs: Mapping[str, LoopProgram]
    memory: MemoryMap
    optimizer_graph: Graph
    optimizer_addresses: Mapping[str, int]
    addresses: Mapping[str, int]
    families: tuple[Family, ...]
    layout: Layout

    @property
    def declarations(self) -> str:
        """Of the functions that the library exports."""
        return _DECLARATIONS

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
        """Checks the optimiser, every program that was made from a graph, and of those that continue them the last.

        The others lie on the way from these to that one. They are witnessed when they are compiled (see
        `LibraryWitness`), or proved by `prove_all`: their graphs would take longer than everything else.

        Raises:
            ProofError: naming the program and the operation, if one is not what it should be.
        """
        for family in self.families:
            for number in (*family.graphs, *family.continued[-1:]):
                self._prove(family, number)
        self._prove_optimizer()

    def _prove(self, family: Family, number: int) -> int:
        """Proves the program that runs, transposed copies and all."""
        program = self.programs[PROGRAM_NAMES[family.name].format(number)]
        before = self.programs["copy_parameters"] if family.name == "inference" else None
        return len(family.prove(self.layout, number, program, before))

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
) -> ModelSource:
    """Compiles a model to C. Whoever uses the result has to prove it.

    Args:
        tell: takes what is being done, and for each stage of a graph that is done, the kind and number of its program.
        vector_width: doubles in the widest vector of the processor that the library is for: 8, 4 or 2.

    Raises:
        TooLargeError: if it takes more memory than there is.
        CompileError: if the model cannot be compiled.
    """
    check(estimate_c(config))
    layout = Layout()
    size = config.parameter_count
    entry = 2 * config.n_layer * config.n_embd

    def training_graph(length: int) -> Graph:
        what = f"tracing length {length}"
        return compile_graph(
            lambda: graphs.training_graph(config, length), "parameters", lambda stage: tell(what, "training", length)
        )

    def inference_graph(position: int) -> Graph:
        what = f"tracing position {position}"
        return compile_graph(
            lambda: graphs.inference_graph(config, position), None, lambda stage: tell(what, "inference", position)
        )

    training = compile_family(layout, "training", training_graph, range(1, config.block_size + 1))
    cache = layout.allot(entry * config.block_size)
    layout.arguments["cache"] = cache, entry * config.block_size
    inference = compile_family(
        layout,
        "inference",
        inference_graph,
        range(config.block_size),
        lambda position: {"entry": cache + entry * position},
    )
    parameters, gradient = layout.arguments["parameters"][0], layout.outputs["gradient"][0]
    arrays = {
        "parameter": parameters,
        "gradient": gradient,
        "first_moment": layout.allot(size),
        "second_moment": layout.allot(size),
    }
    constants = layout.allot(3)
    shared = {"learning_rate": constants, "correction1": constants + 1, "correction2": constants + 2}
    results = {name: arrays[name] for name in ("parameter", "first_moment", "second_moment")}
    update = compile_graph(lambda: graphs.optimizer_graph(optimizer))
    adam = map_lanes(update, size, arrays, shared, results, layout)
    transposer = Transposer(layout, tuple(graphs.parameter_tensors(config)))
    tell("writing the loops as C")
    programs = {
        PROGRAM_NAMES["training"].format(number): transposer.transpose(program)
        for number, program in training.programs.items()
    }
    # While documents are drawn the parameters stay as they are, so their copies are made once.
    still = {
        PROGRAM_NAMES["inference"].format(number): transposer.transpose(program)
        for number, program in inference.programs.items()
    }
    copies = dict.fromkeys(nest for program in still.values() for nest in transposer.copies_of(program))
    programs.update({name: transposer.without_copies(program) for name, program in still.items()})
    programs["adam"] = adam
    programs["copy_parameters"] = transposer.only(tuple(copies))
    further = {name: arrays[name] for name in ("first_moment", "second_moment")} | {"step constants": constants}
    further.update((f"{matrix.name}, transposed", at) for matrix, at in transposer.copies.items())
    like_parameters = ("parameters", "gradient", "first_moment", "second_moment")
    memory = memory_map(layout, dict.fromkeys(like_parameters, graphs.parameter_tensors(config)), further)
    body = emit_c(
        list(programs.values()), list(programs), vector_width, words=lambda address: memory.region(address).words
    )
    addresses = {
        **{name: address for name, address in arrays.items() if name != "parameter"},
        "parameters": parameters,
        "cache": cache,
        "probabilities": layout.outputs["probabilities"][0],
        "memory": layout.size,
    }
    numbers = {
        "VOCABULARY": config.vocab_size,
        "PARAMETERS": size,
        "BLOCK": config.block_size,
        "MEMORY": layout.size,
        "AT_PARAMETERS": parameters,
        "AT_GRADIENT": gradient,
        "AT_FIRST_MOMENT": arrays["first_moment"],
        "AT_SECOND_MOMENT": arrays["second_moment"],
        "AT_CACHE": cache,
        "AT_STEP_CONSTANTS": constants,
        "AT_LOSS": layout.outputs["loss"][0],
        "AT_PROBABILITIES": layout.outputs["probabilities"][0],
        "AT_TEMPERATURE": layout.arguments["temperature"][0],
    }
    defines = "".join(f"enum {{ {name} = {value} }};\n" for name, value in numbers.items())
    head = f"/* Made for {config} by microgpt. Do not edit. */\n{prelude(vector_width)}\n{memory_comment(memory)}"
    driver = f"{_DECLARATIONS}\n{EXACT_FUNCTION}\n{_DRIVER}"
    text = "\n".join([head + body.text, defines, _initialize(layout), _table(config), driver])
    return ModelSource(
        text,
        body,
        head.count("\n"),
        programs,
        memory,
        update,
        arrays | shared,
        addresses,
        (training, inference),
        layout,
    )


def proved_source(config: GPTConfig, optimizer: AdamConfig) -> ModelSource:
    """Compiles a model to C for this processor, and proves all of it.

    Raises:
        CompileError: if the model cannot be compiled.
        ProofError: if a program is not what it should be.
    """
    with without_collection():
        source = model_source(config, optimizer, vector_width=vector_width_here())
        source.prove_all()
        return source


def _initialize(layout: Layout) -> str:
    lines = [f"    {{{address}, {number_text(text)}}}," for address, text in sorted(layout.constants.items())]
    return "\n".join(["static const struct { int address; double value; } initial[] = {", *lines, "};", ""])


def _table(config: GPTConfig) -> str:
    lengths = ", ".join(f"length{number}" for number in range(1, config.block_size + 1))
    positions = ", ".join(f"position{number}" for number in range(config.block_size))
    return (
        "typedef void program(double *m, const int *ix);\n"
        f"static program *const lengths_of[] = {{{lengths}}};\n"
        f"static program *const positions_of[] = {{{positions}}};\n"
    )


_DECLARATIONS = """\
#if defined(_WIN32)
#define MICROGPT_EXPORT __declspec(dllexport)
#else
#define MICROGPT_EXPORT __attribute__((visibility("default")))
#endif

/* 1 if this build, here and now, has the bits of every other backend. 0 where the file itself cannot see to it: built
   by Clang with -ffp-contract=fast, linked with -ffast-math, or run in another rounding mode. */
MICROGPT_EXPORT int microgpt_exact(void);
/* How many doubles the memory must have, from an address that 64 divides. */
MICROGPT_EXPORT long microgpt_memory(void);
/* Prepares a memory: everything is zero, and the parameters are the caller's to fill in. */
MICROGPT_EXPORT void microgpt_initialize(double *m);
/* Where in the memory the parameters, their gradient, and the optimiser's two moments are. */
MICROGPT_EXPORT double *microgpt_parameters(double *m);
MICROGPT_EXPORT double *microgpt_gradient(double *m);
MICROGPT_EXPORT double *microgpt_first_moment(double *m);
MICROGPT_EXPORT double *microgpt_second_moment(double *m);
/* Where the keys and values of earlier positions are: for each position and layer, a key vector and a value vector. */
MICROGPT_EXPORT double *microgpt_cache(double *m);
/* The loss of one document of `length` tokens and its gradient: `index` has the tokens, then the targets. */
MICROGPT_EXPORT double microgpt_loss(double *m, int length, const int *index);
/* Trains for `steps` steps, one document each; `constants` has each one's learning rate and two bias corrections. */
MICROGPT_EXPORT void microgpt_train(
    double *m, const int *lengths, const int *index, const double *constants, long steps, double *losses);
/* To be called when the parameters have changed, before the next two. */
MICROGPT_EXPORT void microgpt_prepare(double *m);
/* The probability of each token after `token`, at a position of which all earlier ones have been seen. */
MICROGPT_EXPORT const double *microgpt_next(double *m, int position, int token, double temperature);
/* Chooses a token by a number from 0 to 1, as Python's random.choices does; -1 if the weights have no positive sum. */
MICROGPT_EXPORT int microgpt_choose(const double *weights, double uniform);
/* Draws documents that begin after `bos`, with the numbers from 0 to 1 in `uniform`, one a token. Each document is
   written to `tokens`, then -1. Stops after `documents`, or when fewer numbers are left than one document may need.
   Returns the documents drawn; `used` is how many numbers that took. Negative: a token's weights were not finite. */
MICROGPT_EXPORT long microgpt_sample(
    double *m, double temperature, int bos, long documents,
    const double *uniform, long numbers, int *tokens, long *used);

"""

_DRIVER = """\
long microgpt_memory(void) { return MEMORY; }

void microgpt_initialize(double *m)
{
    memset(m, 0, MEMORY * sizeof(double));
    for (unsigned long i = 0; i < sizeof initial / sizeof *initial; i++)
        m[initial[i].address] = initial[i].value;
}

double *microgpt_parameters(double *m) { return m + AT_PARAMETERS; }
double *microgpt_gradient(double *m) { return m + AT_GRADIENT; }
double *microgpt_first_moment(double *m) { return m + AT_FIRST_MOMENT; }
double *microgpt_second_moment(double *m) { return m + AT_SECOND_MOMENT; }
double *microgpt_cache(double *m) { return m + AT_CACHE; }

double microgpt_loss(double *m, int length, const int *index)
{
    lengths_of[length - 1](m, index);
    return m[AT_LOSS];
}

void microgpt_train(
    double *m, const int *lengths, const int *index, const double *constants, long steps, double *losses)
{
    for (long step = 0; step < steps; step++) {
        losses[step] = microgpt_loss(m, lengths[step], index);
        index += 2 * lengths[step];
        for (int i = 0; i < 3; i++) m[AT_STEP_CONSTANTS + i] = constants[3 * step + i];
        adam(m, index);
    }
}

void microgpt_prepare(double *m) { copy_parameters(m, 0); }

const double *microgpt_next(double *m, int position, int token, double temperature)
{
    m[AT_TEMPERATURE] = temperature;
    positions_of[position](m, &token);
    return m + AT_PROBABILITIES;
}

int microgpt_choose(const double *weights, double uniform)
{
    double sums[VOCABULARY], total = 0.0;
    for (int i = 0; i < VOCABULARY; i++) sums[i] = total = i ? total + weights[i] : weights[i];
    if (!(total > 0.0) || !(total < INFINITY)) return -1;
    double wanted = uniform * total;
    int low = 0, high = VOCABULARY - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (wanted < sums[middle]) high = middle;
        else low = middle + 1;
    }
    return low;
}

long microgpt_sample(
    double *m, double temperature, int bos, long documents,
    const double *uniform, long numbers, int *tokens, long *used)
{
    long drawn = 0, at = 0;
    for (; drawn < documents && at + BLOCK <= numbers; drawn++) {
        int token = bos;
        for (int position = 0; position < BLOCK; position++) {
            token = microgpt_choose(microgpt_next(m, position, token, temperature), uniform[at++]);
            if (token < 0) return -1;
            if (token == bos) break;
            *tokens++ = token;
        }
        *tokens++ = -1;
    }
    *used = at;
    return drawn;
}
"""
