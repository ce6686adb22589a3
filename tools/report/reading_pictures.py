"""Pictures of a reading: what each head attends to, and what the model expects at each position."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from markupsafe import Markup

from ...runtime.training.reading import Reading
from ..pictures.heat_map import HeatMap, heat_legend
from ..pictures.svg import picture, text
from .letters import names_of_read

__all__ = ["draw_attention", "draw_expectations", "likeliest"]

# Of heads side by side; what is wider is shrunk by the page and no longer read.
WIDEST = 940.0
# A picture of all tokens has so many columns at most; of a larger alphabet, those that matter are shown.
MOST_COLUMNS = 60
LIKELIEST = 5


def draw_attention(reading: Reading, layer: int, names: Sequence[str], shown: str) -> Markup:
    """A map for each head of a layer: for each position, how much it takes from which earlier one.

    Args:
        names: of all tokens.
        shown: the text, for the description.
    """
    read = names_of_read(reading.tokens, names)
    # Such that two stand side by side.
    cell = max(6.0, min(30.0, (WIDEST / 2 - 90.0) // len(read)))
    maps = []
    for head, rows in enumerate(reading.attention[layer]):
        hints = [
            [
                f"head {head}, position {query}: “{read[query]}” takes {weight:.4f} from position {key}: “{read[key]}”"
                for key, weight in enumerate(weights)
            ]
            for query, weights in enumerate(rows)
        ]
        maps.append(
            HeatMap(rows, read, read, "position that reads", "position that is read", (cell, cell), hints=hints)
        )
    width, height = maps[0].size
    columns = max(1, min(len(maps), int(WIDEST // (width + 12))))
    parts = [
        text(10, 20, f"Attention in layer {layer}", "title"),
        heat_legend(10, 44, "share that a position takes from another (a row adds up to 1)"),
    ]
    for head, drawn in enumerate(maps):
        row, column = divmod(head, columns)
        parts.append(drawn.draw(f"head {head}", column * (width + 12), 66 + row * (height + 12)))
    rows_of_maps = -(-len(maps) // columns)
    description = f"Attention in layer {layer} for {shown}: {_strongest(reading, layer, read)}"
    size = max(columns * (width + 12), 620.0), 66 + rows_of_maps * (height + 12)
    return picture(*size, parts, description)


def _strongest(reading: Reading, layer: int, read: Sequence[str]) -> str:
    words = []
    for head, rows in enumerate(reading.attention[layer]):
        weights = rows[-1]
        key = max(range(len(weights)), key=lambda place: (weights[place], -place))
        words.append(f"head {head} takes {weights[key]:.2f} from position {key} ({read[key]})")
    return f"at the last position, {'; '.join(words)}"


def draw_expectations(reading: Reading, names: Sequence[str], shown: str) -> Markup:
    """A row for each position, a column for each token: how likely each is to come next, and which did."""
    tokens = _columns(reading)
    read = names_of_read(reading.tokens, names)
    values = [[row[token] for token in tokens] for row in reading.probabilities]
    hints = [
        [
            f"position {position}, after “{read[position]}”: “{names[token]}” has probability {value:.4f}"
            for token, value in zip(tokens, row, strict=True)
        ]
        for position, row in enumerate(values)
    ]
    chosen = [(position, tokens.index(target)) for position, target in enumerate(reading.targets)]
    labels = [names[token] for token in tokens]
    ends = [f"{loss:.2f}" for loss in reading.losses]
    cell = min(30.0, (WIDEST - 130.0) / len(tokens)), 24.0
    heat = HeatMap(values, read, labels, "just read", "what may come next", cell, chosen, hints, ends)
    width, height = heat.size
    every = "" if len(tokens) == len(names) else f" ({len(tokens)} of {len(names)} tokens)"
    parts = [
        text(10, 20, f"What is expected at each position{every}", "title"),
        heat_legend(10, 44, "probability; framed: what did come"),
        heat.draw("", 0, 40),
        text(width - 62, 40 + heat.top - 8, "loss, nats", "small"),
    ]
    described = "; ".join(
        f"after {read[position]} comes {names[target]}, with probability {exp(-loss):.2f}"
        for position, (target, loss) in enumerate(zip(reading.targets, reading.losses, strict=True))
    )
    words = f"What is expected at each position of {shown}: {described}"
    return picture(max(width, 480.0), 40 + height, parts, words)


def likeliest(probabilities: Sequence[float]) -> list[int]:
    """The likeliest tokens, the first first."""
    order = sorted(range(len(probabilities)), key=lambda token: (-probabilities[token], token))
    return order[:LIKELIEST]


def _columns(reading: Reading) -> list[int]:
    """The tokens to show: all, or those that come, and then the likeliest ones of each position."""
    count = len(reading.probabilities[0])
    if count <= MOST_COLUMNS:
        return list(range(count))
    wanted = list(dict.fromkeys(reading.targets))
    ranked = [sorted(range(count), key=lambda token: (-row[token], token)) for row in reading.probabilities]
    # The likeliest of every position, then the second, and so on, until there is no room.
    for rank in range(count):
        wanted += [order[rank] for order in ranked if order[rank] not in wanted]
        if len(wanted) >= MOST_COLUMNS:
            break
    return sorted(wanted[: max(MOST_COLUMNS, len(set(reading.targets)))])
