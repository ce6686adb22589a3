"""microgpt: a compiler for scalar autograd.

    import microgpt

    def bowl(x, y):
        return (x - 1) ** 2 + (x * y).exp()

    value_and_gradient = microgpt.compile(bowl, 0.0, 0.0)
    value, (dx, dy) = value_and_gradient(0.5, 2.0)

    model = microgpt.train("names", steps=1000)
    model.sample(20, prefix="mar")

`compile` records the function once as a static graph, differentiates and optimises the graph, and runs generated code
from then on. `Value` is the same arithmetic without compiling: an eager autograd, and the oracle that compiled
programs equal bit for bit.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .runtime.version import VERSION

if TYPE_CHECKING:
    from .api import Model, load, train
    from .compiler.errors import CompileError, TraceError
    from .compiler.functions import (
        abs,
        atan,
        constant_maximum,
        cos,
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
        softplus,
        sqrt,
        tanh,
    )
    from .runtime.executable.function import index
    from .runtime.value import Value
    from .seeing import CompiledFunction
    from .seeing import compile_function as compile


__version__ = VERSION

__all__ = [
    "CompileError", "CompiledFunction", "Model", "TraceError", "Value", "abs", "atan", "compile", "constant_maximum",
    "cos", "erf", "exp", "expm1", "index", "load", "log", "log1p", "maximum", "minimum", "relu", "scope", "select",
    "sigmoid", "sin", "softplus", "sqrt", "tanh", "train",
]  # fmt: skip

# Where each name of the public API lives, but for functions such as `exp`, which the rows of the table of operations
# have. Looked up when first used, so that the command line starts fast.
_HOMES = {
    "CompileError": "compiler.errors",
    "CompiledFunction": "seeing",
    "Model": "api",
    "TraceError": "compiler.errors",
    "Value": "runtime.value",
    "compile": "seeing",
    "constant_maximum": "compiler.functions",
    "index": "runtime.executable.function",
    "load": "api",
    "maximum": "compiler.functions",
    "minimum": "compiler.functions",
    "scope": "compiler.functions",
    "select": "compiler.functions",
    "train": "api",
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
