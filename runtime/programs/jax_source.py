"""The GPT in JAX: one readable program for documents of all lengths, from the loops over the sizes of the model.

In: the model's shape and the optimiser's constants. Out: the text of a Python module that needs JAX alone. Its loops
are proved before they are printed; the printed program is labelled fast: what it computes is not compared as bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

from ...compiler.c.c_text import c_text
from ...compiler.errors import CompileError
from ...compiler.ir.graph import Graph
from ...compiler.ir.names import identifier
from ...compiler.jax.elements import IndexName
from ...compiler.jax.linear import Size
from ...compiler.loops.place import NotRegularError
from ...compiler.pipeline import compile_graph, compile_jax, compile_loops, without_collection
from ...model.config import AdamConfig, GPTConfig
from ..storage.cache import Cache
from ..storage.files import write_atomically
from . import graphs
from .shapes import Shape
from .sized_cache import find_sized, keep_sized
from .sized_loops import SizedModel, sized_model

__all__ = ["export_jax", "jax_source", "proved_model"]

_PACKAGE = __package__ or ""
_BLOCK = Size(((("block_size",), Fraction(1)),))
_NOTHING = Size()


def jax_source(
    config: GPTConfig,
    optimizer: AdamConfig,
    module: str = "gpt",
    find_sized: Callable[[int], SizedModel] = sized_model,
) -> str:
    """The module.

    Args:
        module: its name, for its own documentation.
        find_sized: finds the programs of all models of a number of layers.

    Raises:
        CompileError: if the loops of such models are not known over their sizes.
        ProofError: if they are not what they should be; a mistake of the compiler.
    """
    with without_collection():
        try:
            model = find_sized(config.n_layer)
            model.prove()
            # Raises where the model's own sizes are exceptions.
            model.at(Shape(config.n_head, config.head_size, config.vocab_size, config.block_size, 2, 1), (2,), ())
        except NotRegularError as problem:
            raise CompileError(
                f"JAX programs are printed from loops over sizes, which this model has not: {problem}"
            ) from None
        body = compile_jax(
            model.programs.programs["length"],
            (IndexName("tokens", _NOTHING, _BLOCK), IndexName("targets", _BLOCK, _BLOCK + _BLOCK)),
            padded={"length": "block_size"},
            unrolled=("layer",),
            counts={"length": "count"},
        )
        update = compile_graph(lambda: graphs.optimizer_graph(optimizer))
        adam, results = _adam(update)
    names = {name: identifier(name) for name, _, _ in config.matrices()}
    sizes = {
        name: getattr(config, name) for name in ("vocab_size", "n_layer", "n_embd", "n_head", "head_size", "block_size")
    }
    return c_text(
        _PACKAGE,
        "gpt_jax.txt",
        module=module,
        sizes="\n".join(f"{name} = {size}" for name, size in sizes.items()),
        shapes="\n".join(f'    "{name}": ({rows}, {columns}),' for name, rows, columns in config.matrices()),
        unpacked="\n".join(f'    {own} = parameters["{name}"]' for name, own in names.items()),
        body=_indented(body),
        gradients="\n".join(f'        "{name}": {own}_grad,' for name, own in names.items()),
        adam=_indented(adam),
        adam_results=", ".join(results),
        learning_rate=repr(optimizer.learning_rate),
        beta1=repr(optimizer.beta1),
        beta2=repr(optimizer.beta2),
    )


def _adam(graph: Graph) -> tuple[list[str], list[str]]:
    """The body of Adam's update, and the names of its results: parameter, first and second moment."""
    looped = compile_loops(graph)
    looped.prove()
    arrays = {start: array.name for array, start, _ in looped.layout.placed}
    return compile_jax(looped.program), [arrays[looped.layout.outputs[output.name][0]] for output in graph.outputs]


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" if line else "" for line in lines)


def export_jax(folder: Path, config: GPTConfig, optimizer: AdamConfig, cache: Cache) -> list[Path]:
    """Writes a model as a JAX program.

    Args:
        folder: made if it is not there.
        cache: where programs over sizes are kept.

    Returns:
        the file.

    Raises:
        OSError: if the folder cannot be written.
        CompileError: if the loops of such models are not known over their sizes.
        ProofError: if they are not what they should be; a mistake of the compiler.
    """
    text = jax_source(config, optimizer, "gpt", partial(proved_model, cache))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "gpt.py"
    write_atomically(path, text.encode())
    return [path]


def proved_model(cache: Cache, n_layer: int) -> SizedModel:
    """The programs of all models of so many layers, proved: from the cache, or into it."""
    with without_collection():
        model = find_sized(cache, n_layer)
        keep_sized(cache, model)
    return model
