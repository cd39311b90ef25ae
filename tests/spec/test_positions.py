import tomllib

import pytest

from conformance.spec.positions import Positions

TEXT = """\
title = "t"
[plain]                  # line 2
one = 1                  # not a [
"quoted key" = 2
'single' = 3
dotted.inner = 4
inline = { deep = 1 }
[plain.sub]
two = 5
[[case]]                 # line 10
id = "a"
[case.config]            # of the first case
stride = 2
[[case]]                 # line 14
id = "[case]"            # a header in a string
dims.N = 3
list = [
    1,  # ] in a comment
    "]",
    [2, 3],
    { case = 1 },
]
after = 7
  [case.config]          # line 24
  "*S" = 8
[dims."*S"]
rank = "0..1"
[ spaced . out ]
key = 9
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 1),
        (("plain",), 2),
        (("plain", "one"), 3),
        (("plain", "quoted key"), 4),
        (("plain", "single"), 5),
        (("plain", "dotted"), 6),
        (("plain", "dotted", "inner"), 6),
        (("plain", "inline"), 7),
        (("plain", "sub"), 8),
        (("plain", "sub", "two"), 9),
        (("case", 0), 10),
        (("case", 0, "id"), 11),
        (("case", 0, "config"), 12),
        (("case", 0, "config", "stride"), 13),
        (("case", 1), 14),
        (("case", 1, "id"), 15),
        (("case", 1, "dims"), 16),
        (("case", 1, "dims", "N"), 16),
        (("case", 1, "list"), 17),
        (("case", 1, "after"), 23),
        (("case", 1, "config"), 24),
        (("case", 1, "config", "*S"), 25),
        (("dims", "*S"), 26),
        (("dims", "*S", "rank"), 27),
        (("spaced", "out"), 28),
        (("spaced", "out", "key"), 29),
    ],
)
def test_a_key_has_the_line_where_it_stands(path, line):
    assert Positions(TEXT).line(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("plain", "inline", "deep"), 7),
        (("case", 1, "list", 3, "case"), 17),
        (("case", 1, "missing"), 14),
        (("nowhere", "at", "all"), 1),
        ((), 1),
    ],
)
def test_a_key_without_a_line_has_that_of_what_encloses_it(path, line):
    assert Positions(TEXT).line(path) == line


def test_lines_are_the_same_with_windows_line_ends():
    assert Positions(TEXT.replace("\n", "\r\n")).line(("case", 1, "id")) == 15


@pytest.mark.parametrize("string", ['"""one line"""', "'''one line'''", '"# [["', "'[{'"])
def test_a_string_on_one_line_hides_nothing_after_it(string):
    assert Positions(f"a = {string}\n[b]\nc = 1\n").line(("b", "c")) == 3


@pytest.mark.parametrize("quotes", ['"""', "'''"])
@pytest.mark.parametrize("end", ["", "'", '"', "''", '""'])
def test_the_lines_of_a_multi_line_string_are_not_keys(quotes, end):
    text = f"a = {quotes}begin [\n[b]\nc = 1\n{end}{quotes} # {quotes}\nd = 1\n[b]\nc = 1\n"
    assert tomllib.loads(text)["b"] == {"c": 1}
    positions = Positions(text)
    assert [positions.line(("d",)), positions.line(("b", "c"))] == [5, 7]


def test_an_array_of_tables_has_the_line_of_its_first_header():
    positions = Positions('a = 1\n[[outputs.loss]]\nshape = "N"\n[[outputs.loss]]\nshape = "C"\n')
    assert [positions.line(("outputs", "loss")), positions.line(("outputs", "loss", 1))] == [2, 4]


def test_arrays_of_tables_nest():
    positions = Positions("[[a]]\n[[a.b]]\n[[a.b]]\n[a.b.c]\nd = 1\n[[a]]\n[[a.b]]\nd = 2\n")
    assert positions.line(("a", 0, "b", 1, "c", "d")) == 5
    assert positions.line(("a", 1, "b", 0, "d")) == 8


def test_a_table_has_its_own_line_wherever_its_parts_stand():
    positions = Positions("[a.b]\nc = 1\n[a]\nd = 1\n[e.f]\n")
    assert [positions.line(("a",)), positions.line(("a", "b")), positions.line(("e",))] == [3, 1, 5]


def test_other_ends_of_lines_do_not_count():
    assert Positions("a = '\u2028'\nb = 1\n").line(("b",)) == 2
