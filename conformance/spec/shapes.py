"""The shape notation of spec files, jaxtyping's: ``N C H W``, ``*S``, ``N (H+1)//2``, ``()``.

A shape is a sequence of tokens separated by blanks outside parentheses. A token is a dimension,
a variadic dimension (``*S``, any number of axes), an integer, or an arithmetic expression.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from conformance.spec.expressions import (
    LONGEST,
    Expression,
    ExpressionError,
    Value,
    parse_expression,
)

MOST_AXES = 32  # NumPy's before 2.0
MOST_ELEMENTS = 2**26  # half a gigabyte of float64


@dataclass(frozen=True)
class Shape:
    """A parsed shape: one expression per token, with a mark on the variadic ones."""

    text: str
    tokens: tuple[tuple[Expression, bool], ...]

    @property
    def names(self) -> frozenset[str]:
        """Every dimension and configuration name that the shape reads."""
        return frozenset[str]().union(*(expression.names for expression, _ in self.tokens))

    def __call__(self, bindings: Mapping[str, Value]) -> tuple[int, ...]:
        """The concrete shape under `bindings`; `ExpressionError` if an axis is not a size."""
        axes: list[int] = []
        for expression, variadic in self.tokens:
            value = expression(bindings)
            sizes = value if variadic else (value,)
            if not isinstance(sizes, tuple) or not all(
                isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in sizes
            ):
                raise ExpressionError(
                    f"{expression.text!r} in shape {self.text!r} gives {value!r}, which is not a "
                    f"size ({expression.describe(bindings)})"
                )
            axes.extend(sizes)
        if len(axes) > MOST_AXES:
            raise ExpressionError(
                f"shape {self.text!r} has {len(axes)} axes; at most {MOST_AXES} are allowed"
            )
        if (largest := max(math.prod(axes), *axes, 0)) > MOST_ELEMENTS:
            raise ExpressionError(
                f"shape {self.text!r} is too large: {largest:,} elements; "
                f"at most {MOST_ELEMENTS:,} are allowed"
            )
        return tuple(axes)

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=4096)
def parse_shape(text: str) -> Shape:
    """Parse `text`; raise `ExpressionError` with the shape in its message."""
    if text.strip() in ("()", ""):
        return Shape("()", ())
    if len(text) > LONGEST:
        raise ExpressionError(f"the shape is too long: at most {LONGEST} characters are allowed")
    tokens = []
    for token in _split(text):
        variadic = token.startswith("*")
        try:
            expression = parse_expression(token.removeprefix("*"))
        except ExpressionError as error:
            raise ExpressionError(f"shape {text!r}: {error}") from None
        if isinstance(expression.tree, ast.Tuple | ast.List):
            raise ExpressionError(f"shape {text!r}: axes are separated by blanks alone")
        tokens.append((expression, variadic))
    return Shape(text, tuple(tokens))


def _split(text: str) -> list[str]:
    """Split at blanks that stand outside brackets."""
    tokens, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character.isspace() and depth == 0:
            tokens.append("")
        else:
            tokens[-1] += character
    if depth != 0:
        raise ExpressionError(f"shape {text!r}: brackets do not match")
    return [token for token in tokens if token]
