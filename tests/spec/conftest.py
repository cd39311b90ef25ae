import pytest

SPEC = """\
[layer]
name = "Scale"
family = "linear"
summary = "Multiplies each feature by a weight."
equation = "y = x * weight"
source = "none"

[config]
features = { dim = "C" }
bias = { type = "bool", default = true }
stride = { type = "pair", default = 1 }

[dims]
N = "1..8"
C = "1..6"

[define]
D = "C + 1"

[require]
train = ["N > 1"]

[inputs]
input = "N C"

[outputs]
output = "N C"

[parameters]
weight = { shape = "C" }

[buffers]
count = { shape = "()" }

[modes]
train = { updates = ["count"] }
eval = {}

[gradients]
wrt = ["input", "weight"]

[accuracy]
model = "contraction"
reduction = "1"

[[property]]
relation = "additive"

[[errors]]
id = "wrong-features"
given = { inputs = { input = "N C+1" } }
raises = "a clear error"

[[case]]
id = "default"

[[case]]
id = "small"
config = { bias = false }
dims = { N = 2 }
"""


@pytest.fixture
def spec_text() -> str:
    """A small spec without mistakes; tests replace a part of it."""
    return SPEC
