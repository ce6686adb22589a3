"""The figures of a report: the pictures with a heading and a sentence on what to see in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from markupsafe import Markup

from ...runtime.training.checkpoint import Checkpoint
from ..pictures.histogram import draw_histograms
from ..pictures.loss_curve import draw_loss_curve
from ..pictures.principal import Plane
from ..pictures.scatter import draw_scatter
from ..text.escape import escaped
from .gather import Report, TextRead, guessing_loss, tensors_of
from .letters import names_of_read, token_names
from .reading_pictures import draw_attention, draw_expectations, likeliest
from .record import Record

__all__ = ["Figure", "TextFigures", "loss_figure", "parameter_figure", "plane_figures", "text_figures"]

# How weights are initialised.
DEVIATION = 0.08


@dataclass(frozen=True)
class Figure:
    """A picture, and what a learner is to see in it."""

    picture: Markup
    lesson: str


@dataclass(frozen=True)
class TextFigures:
    """What is shown of one window of a text.

    Attributes:
        title: the text; with the number of the window, if there are several.
        loss: in nats, the mean over positions.
        same_bits: whether the program that samples gives it too, to the bit.
        figures: what is expected, and the attention of each layer.
        rows: a line a position: what is read, what comes, with what probability, and what is likeliest.
    """

    title: str
    loss: float
    same_bits: bool
    figures: list[Figure] = field(default_factory=list)
    rows: list[tuple[int, str, str, float, list[tuple[str, float]]]] = field(default_factory=list)


def loss_figure(record: Record) -> Figure | None:
    """The loss curve, if there is a log."""
    if not record.steps:
        return None
    guessing = guessing_loss(record.model.tokenizer) if record.model else None
    drawn = draw_loss_curve(record.steps, record.losses, guessing, record.held_out_loss)
    lesson = (
        "Each dot is the loss of one document: how surprised the model was, on average, by each of its characters. "
        "Dots scatter, for some documents are harder than others; the line shows whether the model learns. It falls "
        "fast while the model finds out which letters are common, then slowly while it learns which follow which."
    )
    return Figure(drawn, lesson)


def plane_figures(model: Checkpoint, planes: dict[str, Plane]) -> Iterator[Figure]:
    """The embeddings of tokens and of positions, each on the plane on which they differ most."""
    if "wte" in planes:
        names = token_names(model.tokenizer)
        yield _plane(
            planes["wte"],
            names,
            "Characters, by their embeddings (wte)",
            ("a character", "the token at both ends of a document"),
            "Every character has become a vector. Here they are seen from the side on which they differ most: "
            "characters that the model treats alike are near each other, as vowels often are.",
            special=model.tokenizer.bos,
        )
    if "wpe" in planes:
        names = [str(position) for position in range(model.config.block_size)]
        yield _plane(
            planes["wpe"],
            names,
            "Positions, by their embeddings (wpe)",
            ("a position, counted from 0", "in their order"),
            "Positions have vectors too. If neighbours stand near each other, the model has learned an order that "
            "nobody told it. Late positions are seldom trained, for few documents are so long.",
            joined=True,
        )


def _plane(
    plane: Plane,
    names: list[str],
    title: str,
    keys: tuple[str, str],
    lesson: str,
    special: int | None = None,
    joined: bool = False,
) -> Figure:
    axes = [
        f"{place} principal component ({share:.0%} of the variance)"
        for place, share in zip(("first", "second"), plane.shares, strict=True)
    ]
    described = "; ".join(
        f"{name} at {across:.2f}, {down:.2f}"
        for name, (across, down) in list(zip(names, plane.points, strict=True))[:40]
    )
    drawn = draw_scatter(
        plane.points,
        names,
        title,
        (axes[0], axes[1]),
        f"{title}, in two dimensions: {described}",
        keys,
        special,
        joined,
    )
    return Figure(drawn, lesson)


def parameter_figure(model: Checkpoint) -> Figure:
    """The histogram of each weight matrix."""
    tensors = {name: [number for row in rows for number in row] for name, rows in tensors_of(model).items()}
    lesson = (
        "All weights began alike, drawn from the dashed bell curve. Training has spread out those that matter; "
        "a matrix that still fills the bell has learned little."
    )
    return Figure(draw_histograms(tensors, DEVIATION, "Weights, matrix by matrix"), lesson)


def text_figures(report: Report) -> Iterator[TextFigures]:
    """What is shown of each window of each text."""
    for read in report.texts:
        yield from _text_figures(report, read)


def _text_figures(report: Report, read: TextRead) -> Iterator[TextFigures]:
    assert report.record.model is not None
    names = token_names(report.record.model.tokenizer)
    shown = f"the text “{escaped(read.text)}”" if read.text else "the empty text"
    for number, reading in enumerate(read.windows, 1):
        several = f", window {number} of {len(read.windows)}" if len(read.windows) > 1 else ""
        figures = [
            Figure(
                draw_expectations(reading, names, shown + several),
                "Read a row from left to right: having read the characters up to this one, this is what the model "
                "expects next. The framed cell is what did come: filled, a good guess; pale, one of high loss.",
            )
        ]
        for layer in range(len(reading.attention)):
            lesson = (
                "Read a row from left to right: where this position gets its information from. It sees itself and what "
                "came before, never what comes after; so the upper half is empty, and the first row has no choice. "
                "Heads divide the work: look for one that takes from the character just before, or from the beginning."
            )
            figures.append(Figure(draw_attention(reading, layer, names, shown + several), lesson))
        rows = []
        read_names = names_of_read(reading.tokens, names)
        for position, (name, target) in enumerate(zip(read_names, reading.targets, strict=True)):
            likely = reading.probabilities[position]
            best = [(names[other], likely[other]) for other in likeliest(likely)]
            rows.append((position, name, names[target], likely[target], best))
        yield TextFigures(shown + several, reading.loss, read.same_bits, figures, rows)
