"""What is compiled and trained, as HTML for a notebook. Everything is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from math import isfinite, log

from ...model.config import GPTConfig
from ..pictures.loss_curve import draw_loss_curve
from ..pictures.svg import standalone
from ..subject.function import FunctionSubject
from .draw import Wanted, draw
from .drawn import Drawing
from .picture import TooLargeError

__all__ = ["function_html", "model_html"]

# Operations. A drawing of more takes seconds, and a cell is to be there at once.
LARGEST = 30_000


def function_html(subject: FunctionSubject) -> str:
    """A compiled function: what it is in a line, and its drawing where that is quick."""
    function = subject.function
    names = ", ".join(function._structure.names)
    size = f"{len(function.ir):,} operations in {'C' if function.target == 'c' else 'Python'}"
    head = f"<p><b>{escape(function.name)}({escape(names)})</b>: value and gradient, {size}</p>"
    return head + _drawing_of(subject)


def _drawing_of(subject: FunctionSubject) -> str:
    if len(subject.function.ir) > LARGEST:
        return "<p>Its drawing takes some seconds: <code>.graph()</code> makes it.</p>"
    try:
        svg = Drawing(draw(subject, Wanted()))._repr_svg_()
    except TooLargeError as error:
        return f"<p>{escape(str(error))}</p>"
    return f"<div style='overflow:auto'>{svg}</div>" if svg else ""


def model_html(config: GPTConfig, parameters: int, steps: int, losses: Sequence[float]) -> str:
    """A trained model: its sizes, and its loss curve if there is one."""
    sizes = ", ".join(
        f"{name} {getattr(config, name)}" for name in ("n_layer", "n_embd", "n_head", "block_size", "vocab_size")
    )
    head = f"<p><b>A GPT of {parameters:,} parameters</b> after {steps:,} steps: {escape(sizes)}</p>"
    taken = [(number, loss) for number, loss in enumerate(losses, steps - len(losses) + 1) if isfinite(loss)]
    if not taken:
        return head
    numbers, finite = [number for number, _ in taken], [loss for _, loss in taken]
    curve = standalone(draw_loss_curve(numbers, finite, log(config.vocab_size)))
    # As an image, so that its style stays its own.
    data = b64encode(curve.encode()).decode()
    image = f"src='data:image/svg+xml;base64,{data}'"
    return f"{head}<img style='max-width:60em;width:100%' alt='the loss of each step' {image}>"
