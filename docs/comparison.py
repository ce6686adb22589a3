"""Writes docs/comparison.md: microgpt beside other libraries, from docs/comparison.json.

``--check`` fails if the page is stale. ``--measure`` measures all rows anew, each in a process of its own that stays on
one core, and says of each library that is not installed that it is not; it installs nothing. ``--job LIBRARY PROGRAM``
is the command of a single row and prints its figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DOCS = Path(__file__).parent
PAGE, FIGURES, WORDS = DOCS / "comparison.md", DOCS / "comparison.json", DOCS / "comparison.template"

# One thread each.
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "MICROGPT_PROGRESS": "0",
    **{f"{name}_NUM_THREADS": "1" for name in ("MKL", "OMP", "OPENBLAS", "NPROC")},
}
# Seconds of calls, of which the shortest counts.
SECONDS = 0.5
# That a row may take, all in all.
LIMIT = 100.0


# The programs, for libraries of scalars and for libraries of arrays. `m` has exp, log, erf and sqrt.


def black_scholes(x: Any, m: Any) -> Any:
    """The price of a call option."""
    spot, strike, years, rate, volatility = (x[place] for place in range(5))
    spread = volatility * m.sqrt(years)
    d = (m.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    first, second = (0.5 * (1.0 + m.erf(each / math.sqrt(2))) for each in (d, d - spread))
    return spot * first - strike * m.exp(-rate * years) * second


def rosenbrock(x: Any, m: Any) -> Any:
    """Rosenbrock's function of 1000 variables."""
    total = 0.0
    for place in range(len(START) - 1):
        a, b = x[place], x[place + 1]
        total = total + (100.0 * (b - a * a) * (b - a * a) + (1.0 - a) * (1.0 - a))
    return total


def rosenbrock_of_array(x: Any, m: Any) -> Any:
    a, b = x[:-1], x[1:]
    return (100.0 * (b - a * a) * (b - a * a) + (1.0 - a) * (1.0 - a)).sum()


def bodies(x: Any, m: Any) -> Any:
    """The potential energy of 20 bodies."""
    total = 0.0
    for i in range(COUNT):
        for j in range(i):
            square = 1e-4
            for axis in range(3):
                apart = x[3 * i + axis] - x[3 * j + axis]
                square = square + apart * apart
            total = total - MASSES[i] * MASSES[j] / m.sqrt(square)
    return total


def bodies_of_array(x: Any, m: Any) -> Any:
    places = x.reshape(COUNT, 3)
    apart = places.reshape(COUNT, 1, 3) - places.reshape(1, COUNT, 3)
    pairs = [[0.5 * a * b * (i != j) for j, b in enumerate(MASSES)] for i, a in enumerate(MASSES)]
    return -(m.array(pairs) / m.sqrt((apart * apart).sum(2) + 1e-4)).sum()


_random = random.Random(5)
COUNT = 20
MASSES = [_random.uniform(0.5, 2) for _ in range(COUNT)]
START = [0.5 + 0.001 * (place % 7) for place in range(1000)]
# What it is called, in scalars, in arrays, and where it is evaluated.
PROGRAMS: dict[str, tuple[str, Callable[..., Any], Callable[..., Any], list[float]]] = {
    "black_scholes": ("Black-Scholes, 5 inputs", black_scholes, black_scholes, [100.0, 105.0, 0.5, 0.02, 0.25]),
    "rosenbrock": ("Rosenbrock, 1000 inputs", rosenbrock, rosenbrock_of_array, START),
    "bodies": (
        "Energy of 20 bodies, 60 inputs",
        bodies,
        bodies_of_array,
        [_random.uniform(-1, 1) for _ in range(3 * COUNT)],
    ),
}

# What a library makes of a program: a call that gives the value and the gradient, and the seconds until it is there.
Made = tuple[Callable[[], tuple[Any, Any]], float]


def cpu_seconds() -> float:
    """Of this process and the compilers that it has called: other work on the machine does not count."""
    return sum(os.times()[:4])


def with_microgpt(name: str) -> Made:
    import numpy as np

    import microgpt

    _, program, _, numbers = PROGRAMS[name]
    begin, point = cpu_seconds(), np.array(numbers)
    compiled = microgpt.compile(lambda x: program(x, microgpt), point, target="c")
    call = lambda: compiled(point)  # noqa: E731
    call()
    return call, cpu_seconds() - begin


def with_values(name: str) -> Made:
    """The eager autograd of microgpt, the reference."""
    import microgpt

    _, program, _, numbers = PROGRAMS[name]

    def call() -> tuple[float, list[float]]:
        x = [microgpt.Value(number) for number in numbers]
        result = program(x, microgpt)
        result.backward()
        return result.data, [value.grad for value in x]

    return call, 0.0


def with_micrograd(name: str) -> Made:
    from micrograd.engine import Value

    _, program, _, numbers = PROGRAMS[name]
    sys.setrecursionlimit(100_000)
    functions = SimpleNamespace(sqrt=lambda x: x**0.5)

    def call() -> tuple[float, list[float]]:
        x = [Value(number) for number in numbers]
        result = program(x, functions)
        result.backward()
        return result.data, [value.grad for value in x]

    return call, 0.0


def with_casadi(name: str, **options: Any) -> Made:
    import casadi
    import numpy as np

    _, program, _, numbers = PROGRAMS[name]
    begin, point = cpu_seconds(), np.array(numbers)
    x = casadi.SX.sym("x", len(numbers))
    result = program(x, casadi)
    function = casadi.Function("f", [x], [result, casadi.gradient(result, x)], options)

    def call() -> tuple[Any, Any]:
        value, gradient = function(point)
        return float(value), gradient.full().ravel()

    call()
    return call, cpu_seconds() - begin


def with_casadi_c(name: str) -> Made:
    """C of CasADi, by the compiler."""
    return with_casadi(name, jit=True, compiler="shell", jit_options={"flags": ["-O2"], "compiler": "gcc"})


def with_jax(name: str) -> Made:
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    _, _, program, numbers = PROGRAMS[name]
    jnp = jax.numpy
    functions = SimpleNamespace(exp=jnp.exp, log=jnp.log, sqrt=jnp.sqrt, erf=jax.scipy.special.erf, array=jnp.array)
    begin, point = cpu_seconds(), np.array(numbers)
    compiled = jax.jit(jax.value_and_grad(lambda x: program(x, functions)))
    call = lambda: jax.block_until_ready(compiled(point))  # noqa: E731
    call()
    return call, cpu_seconds() - begin


def with_torch(name: str) -> Made:
    import torch

    torch.set_num_threads(1)
    _, _, program, numbers = PROGRAMS[name]
    functions = SimpleNamespace(
        **{function: getattr(torch, function) for function in ("exp", "log", "sqrt", "erf")},
        array=lambda rows: torch.tensor(rows, dtype=torch.float64),
    )
    x = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)

    def call() -> tuple[Any, Any]:
        result = program(x, functions)
        (gradient,) = torch.autograd.grad(result, x)
        return result.item(), gradient.numpy()

    return call, 0.0


def with_autograd(name: str) -> Made:
    import autograd
    import autograd.numpy as np
    from autograd.scipy.special import erf

    _, _, program, numbers = PROGRAMS[name]
    functions = SimpleNamespace(exp=np.exp, log=np.log, sqrt=np.sqrt, erf=erf, array=np.array)
    value_and_gradient = autograd.value_and_grad(lambda x: program(x, functions))
    point = np.array(numbers)
    return lambda: value_and_gradient(point), 0.0


def with_tinygrad(name: str) -> Made:
    from tinygrad import Tensor, TinyJit, dtypes

    _, _, program, numbers = PROGRAMS[name]
    functions = SimpleNamespace(
        **{function: getattr(Tensor, function) for function in ("exp", "log", "sqrt", "erf")},
        array=lambda rows: Tensor(rows, dtype=dtypes.float64),
    )
    begin = cpu_seconds()

    @TinyJit
    def compiled(x: Any) -> Any:
        result = program(x, functions)
        (gradient,) = result.gradient(x)  # before the result is computed: then it is a constant
        Tensor.realize(result, gradient)
        return result, gradient

    x = Tensor(numbers, dtype=dtypes.float64).realize()

    def call() -> tuple[Any, Any]:
        value, gradient = compiled(x)
        return value.item(), gradient.numpy()

    for _ in range(3):  # the first two calls record
        call()
    return call, cpu_seconds() - begin


# In the order of the table: what a library is called, the package whose version is shown, and what is measured.
LIBRARIES: dict[str, tuple[str, str, Callable[[str], Made]]] = {
    "microgpt": ("microgpt, C", "microgpt-compiler", with_microgpt),
    "casadi-c": ("CasADi SX, C by gcc -O2", "casadi", with_casadi_c),
    "casadi": ("CasADi SX, its interpreter", "casadi", with_casadi),
    "jax": ("JAX, `jit`", "jax", with_jax),
    "tinygrad": ("tinygrad, `TinyJit`", "tinygrad", with_tinygrad),
    "torch": ("PyTorch, eager", "torch", with_torch),
    "autograd": ("HIPS autograd", "autograd", with_autograd),
    "micrograd": ("micrograd", "micrograd", with_micrograd),
    "values": ("`microgpt.Value`, the reference", "microgpt-compiler", with_values),
}
# What cannot be written: micrograd has + * ** and relu alone.
IMPOSSIBLE = {("micrograd", "black_scholes"): "no `exp`, `log`, `erf`"}
GPT = ("microgpt", "jax", "numpy", "torch")


def measured(library: str, name: str) -> dict[str, Any]:
    """One row, measured in this process."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    call, compile_seconds = LIBRARIES[library][2](name)
    value, gradient = call()
    times: list[float] = []
    deadline = time.perf_counter() + SECONDS
    while len(times) < 3 or time.perf_counter() < deadline:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return {
        "compile": compile_seconds,
        "call": min(times),
        "value": float(value),
        "gradient": [float(number) for number in gradient],
    }


def in_process(library: str, name: str) -> dict[str, Any]:
    """One row, measured in a process of its own, with nothing in microgpt's cache."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, Path(__file__).resolve(), "--job", library, name],
            cwd=folder,  # CasADi leaves files
            env={**os.environ, **ENVIRONMENT, "MICROGPT_CACHE_DIR": folder},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
    if done.returncode:
        raise SystemExit(f"--job {library} {name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def measure_programs() -> dict[str, Any]:
    """All rows of the programs: by program and library, or words that say why there is none."""
    found: dict[str, Any] = {name: {} for name in PROGRAMS}
    for name in PROGRAMS:
        for library, (_, package, _) in LIBRARIES.items():
            if not version_of(package):
                found[name][library] = "not installed"
            elif (library, name) in IMPOSSIBLE:
                found[name][library] = IMPOSSIBLE[library, name]
            else:
                try:
                    row = found[name][library] = in_process(library, name)
                    print(f"{name} {library}: {row['compile']:.2f} s, {row['call'] * 1e6:.1f} us", file=sys.stderr)
                except subprocess.TimeoutExpired:
                    found[name][library] = f"more than {LIMIT:.0f} s"
        exact = found[name]["values"]["gradient"]
        for row in found[name].values():
            if isinstance(row, dict):
                row["difference"] = difference(row.pop("gradient"), exact)
                del row["value"]
    return found


def difference(gradient: Sequence[float], exact: Sequence[float]) -> float:
    """The largest difference, relative to the largest number; infinite if one is not a number."""
    apart = max(abs(a - b) for a, b in zip(gradient, exact, strict=True)) / max(map(abs, exact))
    return apart if apart == apart else math.inf


def measure_gpt() -> dict[str, Any]:
    """A step of training: by library, microseconds, seconds of compiling, and the worst difference of a loss."""
    rivals = [name for name in GPT[1:] if version_of(name)]
    found = _bench(["--against", ",".join(rivals)] if rivals else [])
    # Of a rival the fastest of five runs counts; so let several of ours be taken.
    runs = [found["run"], *(_bench([])["run"] for _ in range(3))]
    found["run"] = min(runs, key=lambda run: run["compiled_step"])
    return {part: found[part] for part in ("run", "rivals")}


def _bench(more: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "microgpt", "bench", "--length", "7", "--seconds", "1", "--json", *more]
    done = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure() -> dict[str, Any]:
    packages = sorted({package for _, package, _ in LIBRARIES.values()} | {"numpy"})
    return {
        "machine": _processor(),
        "python": platform.python_version(),
        "versions": {package: version_of(package) for package in packages},
        "programs": measure_programs(),
        "gpt": measure_gpt(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def page(figures: dict[str, Any]) -> str:
    """The page: the words of the template, with tables of the figures."""
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items() if number)
    words = WORDS.read_text("utf-8")
    words = words.replace("{{machine}}", figures["machine"]).replace("{{versions}}", versions)
    words = words.replace("{{python}}", figures["python"])
    words = words.replace("{{gpt}}", "\n".join(_gpt_rows(figures["gpt"])))
    return words.replace("{{programs}}", "\n".join(_program_rows(figures["programs"])))


def _gpt_rows(gpt: dict[str, Any]) -> list[str]:
    run = gpt["run"]
    rows = [
        "| | A step | Compile | Losses differ by | Command |",
        "|---|--:|--:|--:|---|",
        f"| **microgpt, C** | **{1e6 * run['compiled_step']:,.1f} us** | | **0** | `microgpt bench` |",
    ]
    titles = {"jax": "JAX, the whole loop in one program", "numpy": "NumPy by hand", "torch": "PyTorch, eager"}
    for rival in gpt["rivals"]:
        seconds = f"{rival['compile']:.1f} s" if rival["compile"] else ""
        title = f"{titles[rival['name']]}{', single precision' if rival['precision'] == 'f32' else ''}"
        rows.append(
            f"| {title} | {rival['step']:,.1f} us | {seconds} | {rival['early_difference']:.0e} | "
            f"`microgpt bench --against {rival['name']}` |"
        )
    missing = [titles[name] for name in GPT[1:] if name not in {rival["name"] for rival in gpt["rivals"]}]
    rows += [f"| {title} | not installed | | | |" for title in missing]
    rows.append(f"| `microgpt.Value`, the reference | {1e6 * run['eager_step']:,.0f} us | | 0 | `microgpt bench` |")
    return rows


def _program_rows(programs: dict[str, Any]) -> list[str]:
    rows = []
    for name, found in programs.items():
        rows += [
            f"### {PROGRAMS[name][0]}",
            "",
            "| | A call | Compile | Gradient differs by | `python docs/comparison.py` |",
            "|---|--:|--:|--:|---|",
        ]
        for library, (title, _, _) in LIBRARIES.items():
            row, command = found[library], f"`--job {library} {name}`"
            if isinstance(row, str):
                rows.append(f"| {title} | {row} | | | {command} |")
                continue
            compile_text = f"{row['compile']:.1f} s" if row["compile"] else ""
            apart = f"{row['difference']:.0e}" if row["difference"] else "0"
            rows.append(f"| {title} | {1e6 * row['call']:,.1f} us | {compile_text} | {apart} | {command} |")
        rows.append("")
    return rows[:-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail if the page is stale, and write nothing")
    parser.add_argument("--measure", action="store_true", help="measure all rows anew")
    parser.add_argument("--job", nargs=2, metavar=("LIBRARY", "PROGRAM"), help="measure one row and print it")
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(measured(*arguments.job)))
        return 0
    if arguments.measure:
        FIGURES.write_text(json.dumps(measure(), indent=1) + "\n", "utf-8")
    text = page(json.loads(FIGURES.read_text("utf-8")))
    if arguments.check:
        stale = not PAGE.exists() or PAGE.read_text("utf-8") != text
        if stale:
            print(f"{PAGE.name} is stale: run python docs/comparison.py")
        return int(stale)
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
