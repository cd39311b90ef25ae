"""A net joins a module and a loss, and learns."""

import numpy as np
import pytest

from conformance.generation.data import load_data
from conformance.generation.drawing import permutation
from reference_impls import naive, numpy_reference


def small_net(library):
    module = library.Sequential(
        library.Linear(4, 5, rng=0),
        library.Tanh(),
        library.Dropout(0.5),
        library.Linear(5, 3, rng=1),
    )
    return library.Net(module, library.CrossEntropyLoss()).eval()


def test_both_implementations_give_the_same_loss_and_gradients():
    data = load_data("iris")
    x, target = data.inputs[::30], data.targets[::30]
    nets = [small_net(numpy_reference), small_net(naive)]
    for name, value in nets[0].parameters().items():
        nets[1].parameters()[name][...] = value
    losses = [net(x, target) for net in nets]
    inputs = [net.backward() for net in nets]
    assert losses[0] == pytest.approx(losses[1], rel=1e-14)
    assert np.allclose(*inputs, rtol=1e-12)
    for name, gradient in nets[0].gradients().items():
        assert np.allclose(gradient, nets[1].gradients()[name], rtol=1e-12)


@pytest.mark.parametrize("library", [numpy_reference, naive])
def test_modes_reach_the_layers(library):
    net = small_net(library)
    x = np.ones((2, 4))
    assert np.array_equal(net.predict(x), net.predict(x))
    net.train()
    assert any(not np.array_equal(net.predict(x), net.predict(x)) for _ in range(20))


def test_it_learns_iris():
    data = load_data("iris")
    order = permutation("a split", len(data.targets))
    train, held_back = order[30:], order[:30]
    module = numpy_reference.Sequential(
        numpy_reference.Linear(4, 100, rng=0),
        numpy_reference.ReLU(),
        numpy_reference.Linear(100, 3, rng=1),
    )
    net = numpy_reference.Net(module, numpy_reference.CrossEntropyLoss())
    optimizer = numpy_reference.SGD(net, lr=0.1, momentum=0.9)
    loader = numpy_reference.BatchLoader(
        data.inputs[train], data.targets[train], batch_size=24, shuffle=True, seed=0
    )
    for _ in range(30):
        for x, target in loader:
            optimizer.zero_grad()
            net(x, target)
            net.backward()
            optimizer.step()
    right = net.predict(data.inputs[held_back]).argmax(axis=1) == data.targets[held_back]
    assert right.mean() >= 0.95
