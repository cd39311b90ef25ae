"""The oracles that are composed of PyTorch's operations, against PyTorch's own classes."""

import itertools

import pytest

torch = pytest.importorskip("torch")

from conformance.candidates.pytorch.composed import (  # noqa: E402 (it imports torch)
    CrossEntropyLossOnProbabilities,
    MSELoss,
    NLLLoss,
    NLLLossOnProbabilities,
)

SHAPES = [(5,), (7, 4), (3, 4, 2, 5)]
GRID = list(itertools.product(["mean", "sum", "none"], [None, "drawn"], [-100, 1]))


def class_axis(shape):
    return min(len(shape) - 1, 1)


def drawn(shape, weight, seed=0):
    """Scores, class indices (of which 0 is one) and arguments."""
    generator = torch.Generator().manual_seed(seed)
    axis, classes = class_axis(shape), shape[class_axis(shape)]
    scores = torch.randn(shape, generator=generator, dtype=torch.float64)
    target = torch.randint(0, classes, shape[:axis] + shape[axis + 1 :], generator=generator)
    target.view(-1)[0] = 0
    weights = torch.rand(classes, generator=generator, dtype=torch.float64) + 0.5
    return scores, target, weights if weight else None


def one_hot(target, shape):
    axis = class_axis(shape)
    return torch.nn.functional.one_hot(target, shape[axis]).movedim(-1, axis).double()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("reduction", "weight", "ignored"), GRID)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_cross_entropy_of_a_softmax_is_that_of_the_scores(
    shape, reduction, weight, ignored, smoothing
):
    scores, target, weights = drawn(shape, weight)
    arguments = (weights, None, ignored, None, reduction, smoothing)
    got = CrossEntropyLossOnProbabilities(*arguments)(scores.softmax(class_axis(shape)), target)
    torch.testing.assert_close(got, torch.nn.CrossEntropyLoss(*arguments)(scores, target))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, "drawn"])
def test_the_same_for_targets_that_are_probabilities(shape, reduction, weight):
    scores, _, weights = drawn(shape, weight)
    target = drawn(shape, None, seed=1)[0].softmax(class_axis(shape))
    arguments = (weights, None, -100, None, reduction, 0.3)
    got = CrossEntropyLossOnProbabilities(*arguments)(scores.softmax(class_axis(shape)), target)
    torch.testing.assert_close(got, torch.nn.CrossEntropyLoss(*arguments)(scores, target))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("reduction", "weight", "ignored"), GRID)
def test_one_hot_targets_are_class_indices_in_another_form(shape, reduction, weight, ignored):
    scores, target, weights = drawn(shape, weight)
    arguments = (weights, None, ignored, None, reduction)
    wanted = torch.nn.NLLLoss(*arguments)(scores, target)
    torch.testing.assert_close(NLLLoss(*arguments)(scores, target), wanted)
    torch.testing.assert_close(NLLLoss(*arguments)(scores, one_hot(target, shape)), wanted)
    on_probabilities = NLLLossOnProbabilities(*arguments)
    torch.testing.assert_close(on_probabilities(scores.exp(), one_hot(target, shape)), wanted)


def test_what_pytorch_would_broadcast_is_an_error():
    with pytest.raises(ValueError, match="target has shape"):
        MSELoss()(torch.ones(5), torch.ones(5, 1))
