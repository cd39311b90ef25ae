"""Expressions of spec files: integer arithmetic over dimensions and configuration values.

An expression such as ``(H + 2*padding[0] - kernel_size[0]) // stride[0] + 1`` is parsed with
Python's ``ast`` and interpreted node by node against a whitelist, so a spec file can never run
code. The module knows nothing of specs, tensors or files.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Value = Any  # an int, float, bool, str, None, or a (nested) tuple of these


class ExpressionError(ValueError):
    """An expression that is not allowed, names something unknown, or has no value."""


def _power(base: Any, exponent: Any) -> Any:
    """``base ** exponent``, but not a number that fills the memory."""
    if abs(exponent) > _LARGEST_EXPONENT:
        raise ValueError(f"exponents are at most {_LARGEST_EXPONENT}")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("the result is not a real number")
    return result


def _of_numbers(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operation that Python has for text and tuples, too, but not here."""

    def checked(left: Any, right: Any) -> Any:
        for value in (left, right):
            if not isinstance(value, int | float):
                raise TypeError(f"{value!r} is not a number")
        return operation(left, right)

    return checked


def _small(value: Value) -> Value:
    """Refuse a result that would fill the memory if it were computed with again and again."""
    size = value.bit_length() if isinstance(value, int) else 0
    length = _length(value)
    if max(size, length) > _LARGEST_RESULT:
        raise ValueError("the result is too large")
    return value


def _length(value: Value) -> int:
    """Elements of a tuple and of those within it, characters of a text; 1 for a number."""
    if isinstance(value, tuple):
        return sum(map(_length, value))
    return len(value) if isinstance(value, str) else 1


LONGEST = 1000  # characters of an expression, and of a shape
_LARGEST_EXPONENT = 1000
_LARGEST_RESULT = 1024  # bits of a number, elements of a tuple
_DEEPEST = 100  # levels of nesting: as many as a sum has terms

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _of_numbers(operator.mul),
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _of_numbers(operator.mod),
    ast.Pow: _power,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "cos": math.cos,
    "len": len,
    "max": max,
    "min": min,
    "prod": math.prod,
}

# Operators that Python has and specs have not, as they stand in the text.
_REFUSED: dict[type[ast.operator | ast.unaryop], str] = {
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.Invert: "~",
    ast.LShift: "<<",
    ast.MatMult: "@",
    ast.RShift: ">>",
}


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its text, the names it uses, and how to evaluate it."""

    text: str
    names: frozenset[str]
    tree: ast.expr

    def __call__(self, bindings: Mapping[str, Value]) -> Value:
        """Evaluate under `bindings`; raise `ExpressionError` with the bindings in its message."""
        try:
            return _evaluate(self.tree, bindings)
        except ExpressionError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ExpressionError(
                f"{self.text!r} has no value for {self.describe(bindings)}: {error}"
            ) from error

    def describe(self, bindings: Mapping[str, Value]) -> str:
        """Show the bindings that the expression reads."""
        return format_bindings({n: value for n, value in bindings.items() if n in self.names})

    def __str__(self) -> str:
        return self.text


def format_bindings(bindings: Mapping[str, Value]) -> str:
    """Show bindings as ``N=4 C=3 kernel_size=(3, 2)``."""
    return " ".join(f"{name}={value!r}" for name, value in bindings.items()) or "no bindings"


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Parse `text`; raise `ExpressionError` when it holds anything but whitelisted arithmetic."""
    if len(text) > LONGEST:
        raise ExpressionError(
            f"the expression is too long: at most {LONGEST} characters are allowed"
        )
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        raise ExpressionError(f"{text!r} is not an expression: {why}") from None
    except (MemoryError, RecursionError):
        raise ExpressionError(_TOO_DEEP) from None
    names: set[str] = set()
    _check(tree, text, names)
    return Expression(text.strip(), frozenset(names), tree)


_TOO_DEEP = f"the expression is too long: it has more than {_DEEPEST} levels"


def _check(node: ast.expr, text: str, names: set[str], level: int = 1) -> None:
    """Walk `node`, collect the names it reads, and refuse what is not on the whitelist."""
    if level > _DEEPEST:
        raise ExpressionError(_TOO_DEEP)
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            children: list[ast.expr] = []
        case ast.Name(id=name):
            names.add(name)
            children = []
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            children = [left, right]
        case ast.UnaryOp(op=unary, operand=operand) if type(unary) in _UNARY:
            children = [operand]
        case ast.BoolOp(values=values):
            children = values
        case ast.Compare(left=left, ops=ops, comparators=rest) if all(
            type(op) in _COMPARE for op in ops
        ):
            children = [left, *rest]
        case ast.IfExp(test=test, body=body, orelse=orelse):
            children = [test, body, orelse]
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            children = elements
        case ast.Subscript(value=value, slice=index):
            children = [value, index]
        case ast.Slice(lower=lower, upper=upper, step=None):
            children = [bound for bound in (lower, upper) if bound is not None]
        case ast.Call(func=ast.Name(id=function)) if function not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise ExpressionError(f"{text!r} calls {function}(); only {known} may be called")
        case ast.Call(func=ast.Name(id=function), keywords=[keyword, *_]):
            given = ast.get_source_segment(text.strip(), keyword)
            raise ExpressionError(
                f"{text!r} calls {function}() with {given}; keyword arguments are not allowed here"
            )
        case ast.Call(func=ast.Name(), args=arguments):
            children = arguments
        case ast.BinOp(op=refused) | ast.UnaryOp(op=refused):
            raise _refusal(text, _REFUSED[type(refused)])
        case _:
            raise _refusal(text, ast.get_source_segment(text.strip(), node))
    for child in children:
        _check(child, text, names, level + 1)


def _refusal(text: str, what: str | None) -> ExpressionError:
    return ExpressionError(f"{text!r} uses {what!r}, which is not allowed here")


def _evaluate(node: ast.expr, bindings: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name not in bindings:
                raise ExpressionError(f"{name} is not defined ({format_bindings(bindings)})")
            return bindings[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _small(_BINARY[type(op)](_evaluate(left, bindings), _evaluate(right, bindings)))
        case ast.UnaryOp(op=unary, operand=operand):
            return _UNARY[type(unary)](_evaluate(operand, bindings))
        case ast.BoolOp(op=boolean, values=values):
            stop = isinstance(boolean, ast.Or)
            for value in values:
                result = _evaluate(value, bindings)
                if bool(result) is stop:
                    break
            return result
        case ast.Compare(left=left, ops=ops, comparators=rest):
            current = _evaluate(left, bindings)
            for comparison, operand in zip(ops, rest, strict=True):
                following = _evaluate(operand, bindings)
                if not _COMPARE[type(comparison)](current, following):
                    return False
                current = following
            return True
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _evaluate(body if _evaluate(test, bindings) else orelse, bindings)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return _small(tuple(_evaluate(element, bindings) for element in elements))
        case ast.Subscript(value=value, slice=index):
            return _evaluate(value, bindings)[_evaluate(index, bindings)]
        case ast.Slice(lower=lower, upper=upper):
            return slice(*(bound and _evaluate(bound, bindings) for bound in (lower, upper)))
        case ast.Call(func=ast.Name(id=function), args=arguments):
            values = [_evaluate(argument, bindings) for argument in arguments]
            return _small(FUNCTIONS[function](*values))
    raise AssertionError(f"unchecked node {node!r}")  # pragma: no cover
