"""Example inputs: parsed from the command line, taken from the file, or inferred from the first layers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from analyzer.loading.loaded_model import Inputs, InputSpec, dtype_name
from analyzer.loading.python.builder_arguments import needed
from analyzer.values.errors import Problem

if TYPE_CHECKING:
    from torch import nn

_DTYPES = (
    *("float16", "float32", "float64", "bfloat16", "complex64", "complex128"),
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
)
_SHORT = {"float": "float32", "half": "float16", "double": "float64", "long": "int64", "int": "int64"}
_SPEC = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<shape>[^:=]+)(?::(?P<dtype>\w+))?")
NAME = re.compile(r"[A-Z]\w*")
"""What stands for a size, as in BATCHx3xHxW."""
NO_SIZES: Mapping[str, int] = {}
_EXAMPLE = "write it like 1x3x224x224, 1x128:int64 or input_ids=1x128:int64"


def parse(text: str, floating: str = "float32", sizes: Mapping[str, int] = NO_SIZES) -> tuple[str | None, InputSpec]:
    """Name (None when positional) and tensor of one `--input`, of dtype `floating` if it names none.

    `sizes` are those of the names that stand for sizes, as in "BATCHx3xHxW". Raises Problem for what is no list of
    positive sizes, for an unknown dtype, and for 2**59 elements and more.
    """
    written = read(text)
    dtype = _SHORT.get(written.dtype or floating, written.dtype or floating)
    if dtype not in _DTYPES:
        raise Problem(f"--input {text}: unknown dtype {dtype!r}; choose one of {', '.join(_DTYPES)}")
    shape = tuple(sizes.get(axis, 0) if isinstance(axis, str) else axis for axis in written.axes)
    # The bytes of a tensor, up to 16 an element, are numbered in 63 bits.
    if prod(shape) >= 2**59:
        raise Problem(f"--input {text[:40]}: no machine can number the bytes of such a tensor; {_EXAMPLE}")
    axes = tuple(axis if isinstance(axis, str) else "" for axis in written.axes)
    return written.name, InputSpec(shape, dtype, axes=axes if any(axes) else ())


@dataclass(frozen=True)
class WrittenInput:
    """One `--input` as it is written."""

    name: str | None
    """The argument of `forward`; None when positional."""
    axes: tuple[int | str, ...]
    """Sizes, and the names that stand for some."""
    dtype: str | None


def read(text: str) -> WrittenInput:
    """The parts of one `--input`; Problem for what is no list of positive sizes and names in upper case."""
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise Problem(f"--input {text}: this is not a shape; {_EXAMPLE}")
    axes = [axis.strip() for axis in re.split(r"[x×,]|(?<=\d)X(?=\d)", match["shape"].strip())]
    numbers = [axis for axis in axes if axis.isdecimal()]
    if not all(axis.strip("0") if axis in numbers else NAME.fullmatch(axis) for axis in axes):
        raise Problem(f"--input {text}: {match['shape']!r} is not a list of positive sizes; {_EXAMPLE}")
    if any(len(size) > 19 for size in numbers):
        raise Problem(f"--input {text[:40]}: no machine can number the bytes of such a tensor; {_EXAMPLE}")
    return WrittenInput(match["name"], tuple(int(axis) if axis.isdecimal() else axis for axis in axes), match["dtype"])


def given(
    specs: Sequence[str], module: nn.Module, like: Sequence[Inputs] = (), sizes: Mapping[str, int] = NO_SIZES
) -> Inputs:
    """The user's inputs bound to `forward`; in a list when the zoo's own inputs `like` are lists of images.

    `sizes` are those of names that stand for sizes. Raises Problem for a specification that cannot be read, and where
    `forward` does not take these arguments.
    """
    parsed = [parse(spec, floating_dtype(module), sizes) for spec in specs]
    args = tuple(spec for name, spec in parsed if name is None)
    names = [name for name, _ in parsed if name is not None]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise Problem(f"--input {repeated}= is given {names.count(repeated)} times; give each input once")
    kwargs = {name: spec for name, spec in parsed if name is not None}
    if like and like[0].args and isinstance(like[0].args[0], list):
        return Inputs((list(args),), kwargs)
    try:
        bound_names(module, args, kwargs)
    except TypeError as error:
        shape = f"{getattr(module, 'original_name', type(module).__name__)}.forward{_signature(module)}"
        raise Problem(
            f"--input does not fit {shape}: {error}; give --input once for each argument, in order or by name"
        ) from None
    return Inputs(args, kwargs)


def bound_names(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Arguments by their names in `forward`, by their place where these cannot be known; TypeError for misfits."""
    signature = _signature(module)
    if signature is None:
        return {**{str(place): value for place, value in enumerate(args)}, **kwargs}
    return signature.bind(*args, **kwargs).arguments


def floating_dtype(module: nn.Module) -> str:
    """The dtype that the module computes in: that of its first floating-point parameter, "float32" without any."""
    names = (dtype_name(parameter.dtype) for parameter in module.parameters())
    return next((name for name in names if name in ("float16", "float32", "float64", "bfloat16")), "float32")


def computed_in(spec: InputSpec, floating: str) -> InputSpec:
    """The same in that dtype, unless it holds integers."""
    return replace(spec, dtype=floating) if spec.dtype == "float32" else spec


def _signature(module: nn.Module) -> inspect.Signature | None:
    schema = getattr(module.forward, "schema", None)
    if schema is not None:
        return _of_schema(schema)
    try:
        return inspect.signature(module.forward)
    except (TypeError, ValueError):
        return None


def _of_schema(schema: Any) -> inspect.Signature:
    """The signature of a scripted method, whose schema begins with the module itself."""
    kind, empty = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    arguments = schema.arguments[1:]
    defaults = [item.default_value if item.has_default_value() else empty for item in arguments]
    pairs = zip(arguments, defaults, strict=True)
    return inspect.Signature([inspect.Parameter(item.name, kind, default=default) for item, default in pairs])


def required(module: nn.Module) -> tuple[inspect.Parameter, ...]:
    """The parameters of `forward` that have no default; one nameless parameter when it cannot be known."""
    unknown = (inspect.Parameter("input", inspect.Parameter.POSITIONAL_OR_KEYWORD),)
    signature = _signature(module)
    if signature is None:
        return unknown
    takes_any = any(item.kind is item.VAR_POSITIONAL for item in signature.parameters.values())
    return needed(signature) or (unknown if takes_any else ())


def from_example(example: Any) -> Inputs:
    """What a file's `example_inputs` says: a tensor, a tuple or list of arguments, a dict, or a function giving one."""
    if callable(example) and not hasattr(example, "shape"):
        return from_example(example())
    assumption = "inputs are the file's `example_inputs`"
    if isinstance(example, Mapping):
        return Inputs((), {str(name): described(value) for name, value in example.items()}, assumption)
    if isinstance(example, (tuple, list)):
        return Inputs(tuple(described(value) for value in example), {}, assumption)
    return Inputs((described(example),), {}, assumption)


def described(value: Any) -> Any:
    """The value with every tensor that has no memory replaced by an `InputSpec`."""
    import torch
    from torch.utils import _pytree as pytree

    def describe(leaf: torch.Tensor) -> Any:
        return InputSpec.of(leaf) if leaf.is_meta else leaf

    return pytree.tree_map_only(torch.Tensor, describe, value)


def written_as(spec: InputSpec) -> str:
    """As a report says it: 1×3×224×224 float32."""
    return "×".join(map(str, spec.shape)) + f" {spec.dtype}"


def assumed(options: Iterable[tuple[Any, ...]], reason: str, names: Sequence[str] = ()) -> tuple[Inputs, ...]:
    """One `Inputs` for each option, with the sentence that says what was assumed and why.

    They are tried in this order, so the sentence of a later one says that the first does not fit.
    """
    found: list[Inputs] = []
    refused = ""
    for args in options:
        texts = [written_as(arg) for arg in args if isinstance(arg, InputSpec)]
        named = [f"`{name}` {text}" for name, text in zip(names, texts, strict=False)] if len(texts) > 1 else []
        was = "inputs {} were" if len(texts) > 1 else "input {} was"
        said = was.format(", ".join(named or texts)) + f" assumed from {reason}"
        found.append(Inputs(args, {}, said + refused))
        if len(found) == 1 and texts:
            refused = f"; {', '.join(texts)} does not fit"
    return tuple(found)
