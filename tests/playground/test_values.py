"""What the page shows of a line is what that line computes, and its gradient: by the rules of the backward pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from playground.pages import NAMES, SEED, SHAPE, Small, Tab, corpus

from microgpt.compiler.numerics import numerics
from microgpt.data.tokenizer import Tokenizer
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import EagerBackend, split_document
from microgpt.runtime.training.training import Training

pytestmark = pytest.mark.slow

TEXT = "mia"
Array = Callable[..., float]

# An array of the page as a function of its indices. `what` is a part of a line, for all arrays that it computes.
FIND = """([what, title, operation, side]) => {
    const { data, size, world } = window.playground;
    const line = 1 + data.lines.findIndex((text) => text.includes(what));
    const [view, ...more] = size.views.filter((view) => view.lines.includes(line) && view.title === title &&
        (!operation || view.operation === operation) && view[side]);
    if (!view || more.length) throw new Error(`${what}: ${more.length + Boolean(view)} views ${title}`);
    const shape = view.axes.map(([name, first, count]) => count);
    const total = shape.reduce((a, b) => a * b, 1);
    const numbers = Array.from({ length: total }, (_, number) => {
        const index = shape.map((_, axis) => {
            const stride = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
            return Math.floor(number / stride) % shape[axis];
        });
        const [start, strides] = view[side];
        return world.numbers[start + index.reduce((sum, place, axis) => sum + place * strides[axis], 0)];
    });
    return [shape, numbers];
}"""


class Shown:
    """The arrays that a page shows."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def __call__(self, what: str, title: str, operation: str = "", side: str = "values") -> Array:
        shape, numbers = self.page.evaluate(FIND, [what, title, operation, side])

        def at(*index: int) -> float:
            place = 0
            for extent, number in zip(shape, index, strict=True):
                assert 0 <= number < extent
                place = place * extent + number
            return float(numbers[place])

        return at


def close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-14)


def dot(count: int, a: Callable[[int], float], b: Callable[[int], float]) -> float:
    return math.fsum(a(place) * b(place) for place in range(count))


@pytest.fixture
def shown(tab: Tab, small: Small) -> Shown:
    page = tab.open(small.address)
    page.locator("#text").fill(TEXT)
    page.wait_for_function("() => window.playground.world.letters.join('') === '·mia'")
    return Shown(page)


def test_weights_and_their_gradients_have_the_bits_of_the_eager_autograd(shown: Shown, small: Small) -> None:
    with numerics("portable"):
        training = Training(corpus(NAMES), SEED, 50, AdamConfig(), **SHAPE)
        document = split_document(training.config, training.tokenizer.encode(TEXT))
        loss, gradient = EagerBackend(training.config, training.optimizer).loss_and_gradient(
            training.state.parameters, document
        )
    assert shown("sum(losses)", "mean")(0) == loss
    start = 0
    for name, rows, columns in small.config.matrices():
        what = name.replace("layer0", "layer{layer}")
        values, gradients = (shown(f'"{what}"', name, side=side) for side in ("values", "gradient"))
        for row in range(rows):
            for column in range(columns):
                place = start + row * columns + column
                assert values(row, column) == training.state.parameters[place]
                assert gradients(row, column) == gradient[place], f"{name} {row} {column}"
        start += rows * columns


# A linear layer: its matrix, the line and title of its result, and those of what it reads.
LINEAR = {
    "layer0.attn_wq": (("query = _linear", "query"), ("    with ops.scope(\"attn_norm\")", "x")),
    "layer0.attn_wk": (("keys.append(", "key"), ("    with ops.scope(\"attn_norm\")", "x")),
    "layer0.attn_wv": (("values.append(", "value"), ("    with ops.scope(\"attn_norm\")", "x")),
    "layer0.mlp_fc1": (("x = [unit.relu()", "x"), ("    with ops.scope(\"mlp_norm\")", "x")),
    "lm_head": (("_linear(weights[\"lm_head\"], x)", "logits"), ("x = _add(_perceptron(", "x")),
}  # fmt: skip


@pytest.mark.parametrize("matrix", LINEAR)
def test_linear_layers(shown: Shown, small: Small, matrix: str) -> None:
    """``y = W x``, and the gradient of W is the outer product of those of y and of x, summed over positions."""
    length, (result, read) = len(TEXT) + 1, LINEAR[matrix]
    rows, columns = next((rows, columns) for name, rows, columns in small.config.matrices() if name == matrix)
    name = f'"{matrix.replace("layer0", "layer{layer}")}"'
    weights, gradient = shown(name, matrix), shown(name, matrix, side="gradient")
    y, dy, x = (
        shown(*result, "add"),
        shown(*result, "add", "gradient"),
        shown(*read, "" if matrix == "lm_head" else "mul"),
    )
    for row in range(rows):
        for t in range(length):
            assert close(y(t, row), dot(columns, lambda j, t=t, row=row: weights(row, j), lambda j, t=t: x(t, j)))
        for column in range(columns):
            outer = dot(length, lambda t, row=row: dy(t, row), lambda t, column=column: x(t, column))
            assert close(gradient(row, column), outer), f"{row} {column}"


def test_attention(shown: Shown, small: Small) -> None:
    """Scores, weights and mix, forwards and backwards, head by head."""
    length, heads, size = len(TEXT) + 1, small.config.n_head, small.config.head_size
    query, key, value = shown("query = ", "query"), shown("keys.append", "key"), shown("values.append", "value")
    scores, attention = shown("scores = [_dot", "scores"), shown("attention = ", "attention", "mul")
    mixed, dmixed = shown("mixed += ", "mixed"), shown("mixed += ", "mixed", side="gradient")
    dattention = shown("attention = ", "attention", "mul", "gradient")
    dproduct = shown("scores = [_dot", "scores", "add", "gradient")
    for t in range(length):
        for head in range(heads):
            units = range(head * size, (head + 1) * size)
            seen = range(t + 1)
            powers = [math.exp(scores(t, head, s)) for s in seen]
            inner = math.fsum(attention(t, head, s) * dattention(t, head, s) for s in seen)
            for s in seen:
                assert close(scores(t, head, s), math.fsum(query(t, j) * key(s, j) for j in units) / math.sqrt(size))
                assert close(attention(t, head, s), powers[s] / math.fsum(powers))
                back = math.fsum(dmixed(t, head, j) * value(s, head * size + j) for j in range(size))
                assert close(dattention(t, head, s), back)
                if t:  # at the first position there is nothing to choose from
                    dscore = attention(t, head, s) * (dattention(t, head, s) - inner)
                    assert abs(dproduct(t, head, s) - dscore / math.sqrt(size)) < 1e-14
            for j in range(size):
                looked = math.fsum(attention(t, head, s) * value(s, head * size + j) for s in seen)
                assert close(mixed(t, head, j), looked)


def test_the_loss(shown: Shown, small: Small) -> None:
    """The gradient of the logits is what is expected, less what comes, over the length."""
    tokens = Tokenizer.of(NAMES).encode(TEXT)
    length, vocabulary = len(TEXT) + 1, small.config.vocab_size
    logits, gradient = (shown('_linear(weights["lm_head"], x)', "logits", side=side) for side in ("values", "gradient"))
    losses = []
    for t in range(length):
        total = math.fsum(math.exp(logits(t, j)) for j in range(vocabulary))
        losses.append(math.log(total) - logits(t, tokens[t + 1]))
        for j in range(vocabulary):
            expected = math.exp(logits(t, j)) / total - (j == tokens[t + 1])
            assert close(gradient(t, j), expected / length)
    assert close(shown("sum(losses)", "mean")(0), math.fsum(losses) / length)


def test_norms_and_residuals(shown: Shown, small: Small) -> None:
    width, length = small.config.n_embd, len(TEXT) + 1
    first, second = shown("x = _add(_attention(", "x"), shown("x = _add(_perceptron(", "x")
    square, normed = shown('with ops.scope("mlp_norm")', "mean_square", "mul"), shown('with ops.scope("mlp_norm")', "x")
    rectified, down = shown("x = [unit.relu()", "x", "relu"), shown('"layer{layer}.mlp_fc2"', "layer0.mlp_fc2")
    for t in range(length):
        mean = math.fsum(first(t, j) ** 2 for j in range(width)) / width
        assert close(square(t), mean)
        for j in range(width):
            assert close(normed(t, j), first(t, j) / math.sqrt(mean + 1e-5))
            added = math.fsum(down(j, k) * rectified(t, k) for k in range(4 * width))
            assert abs(second(t, j) - first(t, j) - added) < 1e-12


def test_the_name_of_each_step_can_be_followed(tab: Tab, small: Small) -> None:
    page = tab.open(small.address)
    page.locator("label", has_text="each step").click()
    shown = Shown(page)
    names = set()
    for step in range(1, 9):
        page.keyboard.press("s")
        tab.wait(step)
        names.add("".join(page.evaluate("() => window.playground.world.letters"))[1:])
        assert shown("sum(losses)", "mean")(0).hex() == tab.losses()[-1]
    assert len(names) == 7
    assert all(any(name.startswith(begin) for name in NAMES) for begin in names), names
