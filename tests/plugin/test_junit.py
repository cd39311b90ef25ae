"""``--junitxml`` records what CI can group failures by."""

from xml.etree import ElementTree

import pytest

LAYER = """
import numpy as np

class ReLU:
    def forward(self, x):
        self.mask = x >= 0.1
        return np.where(self.mask, x, 0.0)

    def backward(self, grad):
        return grad * self.mask
"""


@pytest.mark.parametrize("more", [(), ("-n2",)], ids=["alone", "xdist"])
def test_every_check_has_its_properties(pytester, more):
    if more:
        pytest.importorskip("xdist")
    pytester.makepyfile(wrong=LAYER)
    pytester.runpytest_subprocess(
        "--impl=wrong.py",
        "--conformance-layers=ReLU",
        "--conformance-profile=quick",
        "--conformance-tier=core",
        "--conformance-oracle=recorded",
        "--junitxml=junit.xml",
        "-q",
        *more,
    )
    failing = 0
    cases = list(ElementTree.parse(pytester.path / "junit.xml").iter("testcase"))
    for case in cases:
        found = [(p.get("name"), p.get("value")) for p in case.iter("property")]
        properties = dict(found)
        assert len(properties) == len(found)
        assert properties["layer"] == "ReLU"
        assert case.get("name").startswith(properties["check"])
        assert properties.keys() >= {"case", "group", "tier", "status"}
        assert ("severity" in properties) == (case.find("failure") is not None)
        failing += properties["status"] == "failed"
    assert 0 < failing < len(cases)
