"""Gradients under the wrong names, where their shapes agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from catching import verdicts

from reference_impls import numpy_reference as reference

Array = np.ndarray[Any, Any]


class SwappedScaling(reference.ChannelwiseScaling):
    """grad_weight holds the gradient of bias, and grad_bias that of weight."""

    def _accumulate(self, **gradients: Array) -> None:
        super()._accumulate(weight=gradients["bias"], bias=gradients["weight"])


class SwappedBatchNorm(reference.BatchNorm2d):
    """grad_weight holds the gradient of bias, and grad_bias that of weight."""

    def _accumulate(self, **gradients: Array) -> None:
        super()._accumulate(weight=gradients["bias"], bias=gradients["weight"])


@pytest.mark.parametrize("wrong", [SwappedScaling, SwappedBatchNorm])
@pytest.mark.parametrize("check", ["grad_weight", "grad_bias", "fd_weight", "fd_bias"])
def test_a_swap_is_caught_in_every_case_that_draws_values(wrong, check):
    passed = {v.case for v in verdicts(wrong, check) if v.status == "passed"}
    assert passed <= {"empty-batch"}  # the gradients of nothing are both zero
