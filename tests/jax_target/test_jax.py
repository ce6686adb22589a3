"""The target JAX, where JAX is installed: own functions, the GPT's losses and gradients, batches on two devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import microgpt
from microgpt.data.corpus import load_corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import Document, State
from microgpt.runtime.backends.choose_backend import choose_backend
from microgpt.runtime.programs import eager
from microgpt.runtime.training.training import Training

jax = pytest.importorskip("jax", reason="JAX is an extra: pip install 'microgpt-compiler[jax]'")

ROOT = Path(__file__).resolve().parents[2]
STEPS = 5
# The bounds that docs/jax.md states: of a loss, relatively; and of a gradient, relative to its largest number.
LOSS, GRADIENT = 1e-12, 1e-12


@pytest.fixture(autouse=True)
def doubles() -> None:
    jax.config.update("jax_enable_x64", True)


def distance(x: Any, y: Any) -> Any:
    return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def test_a_function_composes_with_jit_vmap_and_grad() -> None:
    import numpy as np

    compiled = microgpt.compile(distance, [1.0] * 4, [1.0] * 4, target="jax", gradient=False, progress=False)
    x, y = np.arange(4.0), np.full(4, 0.5)
    rows = np.arange(12.0).reshape(3, 4)
    assert compiled(x, y) == pytest.approx(np.sum((x - y) ** 2))
    assert jax.jit(compiled)(x, y) == pytest.approx(np.sum((x - y) ** 2))
    assert np.allclose(jax.grad(compiled)(x, y), 2 * (x - y))
    per_row = jax.vmap(jax.grad(compiled, argnums=1), (0, None))(rows, y)
    assert np.allclose(per_row, -2 * (rows - y))
    assert np.allclose(jax.hessian(compiled)(x, y), 2 * np.eye(4))


def test_the_structure_of_arguments_is_kept() -> None:
    def loss(model: Any, row: Any) -> Any:
        return (model["w"][0] * row[0] + model["w"][1] * row[1] + model["b"]) ** 2

    example = {"w": [0.5, 0.25], "b": 1.0}, (2.0, 4.0)
    exact = microgpt.compile(loss, *example, target="python", progress=False)
    fast = microgpt.compile(loss, *example, target="jax", progress=False)
    value, (d_model, d_row) = fast(*example)
    wanted, (e_model, e_row) = exact(*example)
    assert float(value) == wanted
    assert [*map(float, d_model["w"]), float(d_model["b"])] == [*e_model["w"], e_model["b"]]
    assert tuple(map(float, d_row)) == e_row
    assert fast.target == "jax"
    assert "def value_and_gradient(" in fast.source
    with pytest.raises(TypeError, match=r"row has the shape \(3,\), but is compiled for \(2,\)"):
        fast(example[0], jax.numpy.zeros(3))


def test_a_branch_that_is_not_taken_contributes_nothing() -> None:
    def root(x: Any) -> Any:
        return microgpt.where(x > 0.0, microgpt.sqrt(x), 0.0 * x)

    compiled = microgpt.compile(root, 1.0, target="jax", gradient=False, progress=False)
    assert float(jax.grad(compiled)(0.0)) == 0.0  # JAX's own rule: NaN


def test_further_derivatives_are_refused() -> None:
    with pytest.raises(ValueError, match=r"jax\.jacobian"):
        microgpt.compile(lambda x: (x, x), 1.0, target="jax", has_aux=True, progress=False)


@pytest.mark.slow
def test_losses_and_gradients_of_the_model() -> None:
    training = Training(load_corpus("names"), 42, 1000, AdamConfig(), n_layer=1, n_embd=12, n_head=3, block_size=6)
    config = training.config
    backend = choose_backend("jax", config, training.optimizer, 1, lambda message: None)
    documents = [training.document(step) for step in range(STEPS)]
    start = list(training.state.parameters)
    first = Document(*(part[:1] for part in documents[0]))
    for document in (first, *documents[:2]):
        loss, gradient = eager.loss_and_gradient(config, start, *document)
        found, numbers = backend.loss_and_gradient(start, document)
        assert abs(found - loss) <= LOSS * loss
        most = max(map(abs, gradient))
        assert max(abs(a - b) for a, b in zip(gradient, numbers, strict=True)) <= GRADIENT * most
    expected = choose_backend("eager", config, training.optimizer, 1, lambda message: None).advance(
        State(list(start)), documents, 1000
    )
    state = State(list(start))
    losses = backend.advance(state, documents, 1000)
    assert state.step == STEPS
    assert max(abs(a - b) / a for a, b in zip(expected, losses, strict=True)) <= LOSS


@pytest.mark.slow
def test_a_batch_on_two_devices_is_the_mean_of_its_documents(tmp_path: Path) -> None:
    shape = ["--n-embd", "12", "--n-head", "3", "--block-size", "6", "--samples", "0", "--steps", "3", "--json"]
    command = [sys.executable, "-m", "microgpt", "train", "--backend", "jax", "--batch-size", "4", *shape]
    losses = {}
    for devices in (1, 2):
        flags = f"--xla_force_host_platform_device_count={devices}"
        out = tmp_path / str(devices)
        done = subprocess.run(
            [*command, "--out", str(out)],
            env={**os.environ, "XLA_FLAGS": flags},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        losses[devices] = json.loads(done.stdout)["losses"]
        assert "fast, not exact" in done.stderr
        assert "fast: jax" in json.loads((out / "config.json").read_text())["numerics"]
    assert losses[1] == pytest.approx(losses[2], rel=LOSS)
    training = Training(
        load_corpus("names"), 42, 3, AdamConfig(), 0.0, False, 4, n_layer=1, n_embd=12, n_head=3, block_size=6
    )
    first = [
        eager.loss_and_gradient(training.config, training.state.parameters, *training.document(place))[0]
        for place in range(4)
    ]
    assert losses[2][0] == pytest.approx(sum(first) / 4, rel=LOSS)
