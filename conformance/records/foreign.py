"""Text of a candidate's: exceptions, warnings, names, what it prints. It may be anything.

It goes to terminals, pages, JSON and pipes, so it is made short and printable where it enters.
"""

from __future__ import annotations

from typing import Any

MOST = 1000  # characters
MOST_OF_A_RECORD = 12 * MOST  # what was cut before is not cut again, escapes and all


def plain(text: str, most: int = MOST) -> str:
    """A text without what no terminal should get: control, bidi and surrogate characters escaped.

    Line feeds and tabs stay. What is longer than `most` characters is cut, and that is said.
    """
    text = str.__str__(text)  # a subclass may do as it likes
    if len(text) > most:
        text = f"{text[:most]}… ({len(text)} characters)"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def text_of(value: object) -> str:
    """``str(value)``, made plain; also where that raises."""
    try:
        text = str(value)
    except BaseException as error:  # whatever it raises, it is the text's fault
        return f"(its text raises {name_of(type(error))})"
    return plain(text)


def name_of(type_: type[Any]) -> str:
    """The name of a class, whatever its metaclass says."""
    return plain(type.__dict__["__name__"].__get__(type_))
