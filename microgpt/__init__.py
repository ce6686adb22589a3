"""microgpt: a compiler for scalar autograd.

    import microgpt

    def bowl(x, y):
        return (x - 1) ** 2 + (x * y).exp()

    value_and_gradient = microgpt.compile(bowl, 0.0, 0.0)
    value, (dx, dy) = value_and_gradient(0.5, 2.0)

    model = microgpt.train("names", steps=1000)
    model.sample(20, prefix="mar")

`compile` traces the function once as a static graph, differentiates and optimises the graph, and runs generated code
from then on. `Value` is the same arithmetic without compiling: the eager autograd, whose bits every compiled program
gives.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .runtime.version import VERSION

if TYPE_CHECKING:
    from .api import Model, load, train
    from .compiler.conditions import choose, logical_and, logical_not, logical_or, where
    from .compiler.errors import CompileError, TraceError
    from .compiler.functions import (
        abs,
        atan,
        constant_maximum,
        cos,
        cosh,
        erf,
        exp,
        expm1,
        log,
        log1p,
        maximum,
        minimum,
        relu,
        scope,
        select,
        sigmoid,
        sin,
        sinh,
        softplus,
        sqrt,
        tanh,
    )
    from .compiler.numerics import Numerics, exact, fast, numerics, portable
    from .runtime.executable.nodes import index
    from .runtime.executable.row_data import rows
    from .runtime.executable.row_sums import mean_rows, sum_rows
    from .runtime.fitting.fit import DivergedError, Fit, FitStep, fit
    from .runtime.fitting.optimizers import Optimizer, adam, momentum, sgd
    from .runtime.value import Value
    from .seeing import CompiledFunction, hessian, hvp, jacobian, mean_over_rows
    from .seeing import compile_function as compile
    from .seeing_sizes import Family, compile_sized


__version__ = VERSION

__all__ = [
    "CompileError", "CompiledFunction", "DivergedError", "Family", "Fit", "FitStep", "Model", "Numerics", "Optimizer",
    "TraceError", "Value", "abs", "adam", "atan", "choose", "compile", "compile_sized", "constant_maximum", "cos",
    "cosh", "erf", "exact", "exp", "expm1", "fast", "fit", "hessian", "hvp", "index", "jacobian", "load", "log",
    "log1p", "logical_and", "logical_not", "logical_or", "maximum", "mean_over_rows", "mean_rows", "minimum",
    "momentum", "numerics", "portable", "relu", "rows", "scope", "select", "sgd", "sigmoid", "sin", "sinh", "softplus",
    "sqrt", "sum_rows", "tanh", "train", "where",
]  # fmt: skip

# The module of each public name, except functions such as `exp`, which come from the table of operations. Modules are
# imported on first use, so that the command line starts fast.
_HOMES = {
    "CompileError": "compiler.errors",
    "CompiledFunction": "seeing",
    "DivergedError": "runtime.fitting.fit",
    "Family": "seeing_sizes",
    "Fit": "runtime.fitting.fit",
    "FitStep": "runtime.fitting.fit",
    "Model": "api",
    "Numerics": "compiler.numerics",
    "Optimizer": "runtime.fitting.optimizers",
    "TraceError": "compiler.errors",
    "Value": "runtime.value",
    "adam": "runtime.fitting.optimizers",
    "choose": "compiler.conditions",
    "compile": "seeing",
    "compile_sized": "seeing_sizes",
    "constant_maximum": "compiler.functions",
    "exact": "compiler.numerics",
    "fast": "compiler.numerics",
    "fit": "runtime.fitting.fit",
    "hessian": "seeing",
    "hvp": "seeing",
    "index": "runtime.executable.nodes",
    "jacobian": "seeing",
    "load": "api",
    "logical_and": "compiler.conditions",
    "logical_not": "compiler.conditions",
    "logical_or": "compiler.conditions",
    "maximum": "compiler.functions",
    "mean_over_rows": "seeing",
    "mean_rows": "runtime.executable.row_sums",
    "minimum": "compiler.functions",
    "momentum": "runtime.fitting.optimizers",
    "numerics": "compiler.numerics",
    "portable": "compiler.numerics",
    "rows": "runtime.executable.row_data",
    "scope": "compiler.functions",
    "select": "compiler.functions",
    "sgd": "runtime.fitting.optimizers",
    "sum_rows": "runtime.executable.row_sums",
    "train": "api",
    "where": "compiler.conditions",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module = import_module(f".{_HOMES[name]}", __name__)
        value = getattr(module, "compile_function" if name == "compile" else name)
    else:
        functions = {} if name.startswith("_") else import_module(".compiler.functions", __name__).FUNCTIONS
        if name not in functions:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = functions[name]
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
