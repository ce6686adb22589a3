"""The constants of many steps, which are computed side by side, are those of each step."""

from __future__ import annotations

from random import Random

import pytest

from microgpt.compiler.numerics import numerics
from microgpt.model.config import AdamConfig
from microgpt.runtime.programs.step_constants import constants_of_steps, step_constants


@pytest.mark.parametrize("name", ["exact", "portable", "fast"])
def test_constants_of_many_steps_have_the_bits_of_each_step(name: str):
    random = Random(5)
    configs = [AdamConfig(), AdamConfig(beta1=0.0, beta2=0.9999999)]
    configs += [AdamConfig(random.random(), random.random(), random.random(), 1e-8) for _ in range(10)]
    with numerics(name):
        for config in configs:
            for steps, num_steps in ((range(300), 1000), (range(7, 8), 9), (range(10**6, 10**6 + 50), 10**7)):
                each = [number.hex() for step in steps for number in step_constants(config, step, num_steps)]
                assert [number.hex() for number in constants_of_steps(config, steps, num_steps)] == each


def test_powers_in_doubt_are_computed_by_themselves(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("microgpt.runtime.programs.step_constants._BITS", 56)
    config = AdamConfig()
    with numerics("portable"):
        each = [number for step in range(40) for number in step_constants(config, step, 50)]
        assert constants_of_steps(config, range(40), 50) == each
