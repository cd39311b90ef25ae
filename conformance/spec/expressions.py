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


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
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
    "len": len,
    "max": max,
    "min": min,
    "prod": math.prod,
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
            used = {name: bindings[name] for name in sorted(self.names) if name in bindings}
            raise ExpressionError(
                f"{self.text!r} has no value for {format_bindings(used)}: {error}"
            ) from error

    def __str__(self) -> str:
        return self.text


def format_bindings(bindings: Mapping[str, Value]) -> str:
    """Show bindings as ``N=4 C=3 kernel_size=(3, 2)``."""
    return " ".join(f"{name}={value!r}" for name, value in bindings.items()) or "no bindings"


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Parse `text`; raise `ExpressionError` when it holds anything but whitelisted arithmetic."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(f"{text!r} is not an expression: {error.msg}") from None
    names: set[str] = set()
    _check(tree, text, names)
    return Expression(text.strip(), frozenset(names), tree)


def _check(node: ast.expr, text: str, names: set[str]) -> None:
    """Walk `node`, collect the names it reads, and refuse what is not on the whitelist."""
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
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]) if (
            function in FUNCTIONS
        ):
            children = arguments
        case ast.Call(func=ast.Name(id=function)):
            known = ", ".join(sorted(FUNCTIONS))
            raise ExpressionError(f"{text!r} calls {function}(); only {known} may be called")
        case _:
            raise ExpressionError(f"{text!r} uses {type(node).__name__}, which is not allowed here")
    for child in children:
        _check(child, text, names)


def _evaluate(node: ast.expr, bindings: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name not in bindings:
                raise ExpressionError(f"{name} is not defined ({format_bindings(bindings)})")
            return bindings[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_evaluate(left, bindings), _evaluate(right, bindings))
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
            return tuple(_evaluate(element, bindings) for element in elements)
        case ast.Subscript(value=value, slice=index):
            return _evaluate(value, bindings)[_evaluate(index, bindings)]
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return FUNCTIONS[function](*(_evaluate(argument, bindings) for argument in arguments))
    raise AssertionError(f"unchecked node {node!r}")  # pragma: no cover
