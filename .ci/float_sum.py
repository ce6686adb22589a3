"""A rule for mypy: no built-in `sum` over floats, which rounds differently from Python 3.12 on.

Bits must not depend on the version of Python. `arithmetic.add_up` adds from the left, as the autograd does; where any
order will do, `math.fsum` rounds correctly. Where no bit of the result matters, ``# type: ignore[float-sum]`` and the
reason. Sums of ints and of scalars, whose addition is an operator of their own, are left alone.
"""

from collections.abc import Callable
from itertools import chain

from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.maptype import map_instance_to_supertype
from mypy.plugin import FunctionContext, Plugin
from mypy.types import Instance, Type, UnionType, get_proper_type

FLOAT_SUM = ErrorCode("float-sum", "The built-in sum of floats is not the same on all versions of Python", "microgpt")


def check(context: FunctionContext) -> Type:
    """Complains if what is added up, or the start, may be a float."""
    if any(map(_is_float, [_item(kind) for kind in context.arg_types[0]] + [*chain(*context.arg_types[1:])])):
        assert isinstance(context.api, TypeChecker)
        errors = context.api.msg.errors
        # While mypy tries the overloads of `sum`, errors are held back, and only make it try the next one.
        held_back, errors._watchers = errors._watchers, []
        message = "the built-in sum of floats depends on the version of Python; use add_up() or math.fsum()"
        context.api.fail(message, context.context, code=FLOAT_SUM)
        errors._watchers = held_back
    return context.default_return_type


def _item(iterable: Type) -> Type:
    kind = get_proper_type(iterable)
    if not isinstance(kind, Instance):
        return kind
    bases = [base for base in kind.type.mro if base.fullname == "typing.Iterable"]
    return map_instance_to_supertype(kind, bases[0]).args[0] if bases else kind


def _is_float(type_: Type) -> bool:
    kind = get_proper_type(type_)
    kinds = map(get_proper_type, kind.items) if isinstance(kind, UnionType) else [kind]
    return any(isinstance(part, Instance) and part.type.fullname == "builtins.float" for part in kinds)


class FloatSum(Plugin):
    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        return check if fullname == "builtins.sum" else None


def plugin(version: str) -> type[Plugin]:
    return FloatSum
