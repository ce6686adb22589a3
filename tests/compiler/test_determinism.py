"""Two compilations give the same bytes, whatever Python's hashes are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from differential.programs import random_program
from microgpt.compiler.errors import CompileError
from microgpt.compiler.pipeline import compile_graph, compile_python
from microgpt.compiler.ir.text import format_graph
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs import graphs

def show(make, gradient):
    def observe(stage):
        if hasattr(stage.product, "fingerprint"):
            print(stage.name)
            print(format_graph(stage.product))
    try:
        print(compile_python(compile_graph(make, gradient, observe)))
    except CompileError as error:
        print(error)

config = GPTConfig(vocab_size=7, n_layer=2, n_embd=4, n_head=2, block_size=4)
show(lambda: graphs.training_graph(config, 3), "parameters")
show(lambda: graphs.inference_graph(config, 2), None)
for seed in range(40):
    program = random_program(seed)
    if len(program.source) < 4000:
        show(program.trace, program.argument)
"""


def test_hashes_decide_nothing() -> None:
    tests = Path(__file__).parents[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tests)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for seed in ("0", "4242")
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(outputs[0]) > 1_000_000
    assert outputs[0] == outputs[1]
