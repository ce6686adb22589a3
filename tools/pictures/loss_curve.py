"""The loss curve: what each step of training cost, and the trend in it."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from markupsafe import Markup

from .axis import Axis, label, span
from .smoothing import horizon_of, smooth
from .svg import element, group, line, picture, text

__all__ = ["draw_loss_curve"]

WIDTH, HEIGHT = 900, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 20, 64, 48
# More of either make the file large and the picture no clearer.
MOST_DOTS, MOST_POINTS = 1500, 800
# Where the largest loss is so many times the least, equal steps would show nothing but the largest.
LOGARITHMIC_FROM = 100.0
LARGEST = 1e300


def draw_loss_curve(
    steps: Sequence[int],
    losses: Sequence[float],
    guessing: float | None = None,
    held_out: float | None = None,
    title: str = "Loss at each step of training",
) -> Markup:
    """A dot a step, the exponential mean as a line, and marks to compare with.

    Args:
        steps, losses: ascending step numbers and their losses, in nats; finite.
        guessing: the loss of a model that knows nothing.
        held_out: the loss of documents that were not trained on, after the last step.
    """
    horizon = horizon_of(len(losses))
    smoothed = smooth(losses, horizon)
    marks = [mark for mark in (guessing, held_out) if mark is not None and isfinite(mark)]
    low, high = span([*losses, *marks], 0.05)
    least, largest = min([*losses, *marks], default=0.0), max([*losses, *marks], default=1.0)
    logarithmic = least > 0 and largest > LOGARITHMIC_FROM * least
    if logarithmic:
        low, high = least / 1.2, min(largest, LARGEST) * 1.2
    x = Axis(min(steps, default=1), max(steps, default=1), LEFT, WIDTH - RIGHT)
    y = Axis(max(low, 0.0) if not logarithmic else low, high, HEIGHT - BOTTOM, TOP, logarithmic)
    parts = [text(LEFT, 22, title, "title"), *_axes(x, y)]
    every = -(-len(steps) // MOST_DOTS) or 1
    parts.append(element("path", class_="dots", d=_dots(x, y, steps[::every], losses[::every])))
    keys = [("dots", "one step" if every == 1 else f"a step (one of {every} is drawn)")]
    if guessing is not None:
        parts.append(line(LEFT, y.place(guessing), WIDTH - RIGHT, y.place(guessing), "dashed"))
        keys.append(("dashed", f"guessing blindly, {guessing:.2f}"))
    parts.append(element("path", class_="curve", d=_curve(x, y, steps, smoothed)))
    keys.insert(1, ("curve", f"mean over about {horizon} step{'s' * (horizon != 1)}"))
    if held_out is not None and isfinite(held_out):
        parts.append(_diamond(WIDTH - RIGHT, y.place(held_out)))
        keys.append(("held-out", f"held out, {held_out:.2f}"))
    parts.append(_legend(keys))
    return picture(WIDTH, HEIGHT, parts, _describe(title, steps, losses, smoothed, guessing, held_out))


def _axes(x: Axis, y: Axis) -> list[Markup]:
    parts: list[Markup] = []
    for tick in y.ticks(6):
        parts.append(line(x.start, y.place(tick), x.end, y.place(tick), "rule"))
        parts.append(text(x.start - 8, y.place(tick) + 4, label(tick), "label", "end"))
    for tick in x.ticks(8):
        if tick != round(tick):
            continue
        parts.append(line(x.place(tick), y.start, x.place(tick), y.start + 4, "axis"))
        parts.append(text(x.place(tick), y.start + 18, label(tick), "label", "middle"))
    parts.append(line(x.start, y.start, x.end, y.start, "axis"))
    parts.append(text((x.start + x.end) / 2, y.start + 38, "step of training", "label", "middle"))
    middle = (y.start + y.end) / 2
    parts.append(text(14, middle, "loss, nats", "label", "middle", transform=f"rotate(-90 14 {middle:g})"))
    return parts


def _legend(keys: Sequence[tuple[str, str]]) -> Markup:
    parts, x = [], float(LEFT)
    for kind, words in keys:
        if kind == "held-out":
            parts.append(_diamond(x + 11, 42))
        elif kind == "dots":
            parts.append(element("path", class_=kind, d=f"M{x + 3:g} 44h0M{x + 11:g} 40h0M{x + 19:g} 43h0"))
        else:
            parts.append(line(x, 42, x + 22, 42, kind))
        parts.append(text(x + 28, 46, words, "label"))
        x += 52 + 6.6 * len(words)
    return group(parts)


def _diamond(x: float, y: float) -> Markup:
    return element("path", class_="held-out", d=f"M{x - 5:.1f} {y:.1f}l5 -5l5 5l-5 5z")


def _dots(x: Axis, y: Axis, steps: Sequence[int], losses: Sequence[float]) -> str:
    return "".join(f"M{x.place(step):.1f} {y.place(loss):.1f}h0" for step, loss in zip(steps, losses, strict=True))


def _curve(x: Axis, y: Axis, steps: Sequence[int], losses: Sequence[float]) -> str:
    every = -(-len(steps) // MOST_POINTS) or 1
    kept = sorted({*range(0, len(steps), every), len(steps) - 1} if steps else ())
    points = " ".join(f"{x.place(steps[place]):.1f} {y.place(losses[place]):.1f}" for place in kept)
    return f"M{points}" if points else "M0 0"


def _describe(
    title: str,
    steps: Sequence[int],
    losses: Sequence[float],
    smoothed: Sequence[float],
    guessing: float | None,
    held_out: float | None,
) -> str:
    if not steps:
        return f"{title}: no steps"
    words = (
        f"{title}: {len(steps)} steps; the loss is {losses[0]:.2f} at the first, "
        f"and its mean over the last ones is {smoothed[-1]:.2f}"
    )
    words += f"; guessing blindly would cost {guessing:.2f}" if guessing is not None else ""
    return words + (f"; documents held out cost {held_out:.2f}" if held_out is not None else "")
