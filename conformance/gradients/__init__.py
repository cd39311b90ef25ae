"""Check a gradient by finite differences: of a function, of a layer, of a loss."""

from conformance.gradients.checking import assert_gradients, check_gradients
from conformance.gradients.result import GradientCheck, TensorGradient

__all__ = ["GradientCheck", "TensorGradient", "assert_gradients", "check_gradients"]
