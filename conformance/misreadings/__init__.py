"""Misreadings that run: the reference with one known mistake each.

A spec names its misreadings (id, sentence, the checks that must catch it); here each has the class
that makes the mistake. Importing this package fills `CATALOGUE`. `generic` has mistakes that any
layer can make and `trivial` candidates that do no work: `generic_mutants` and `trivial_mutants`
put them into the class of a spec.
"""

from conformance.misreadings import (
    activations,
    beginnings,
    containers,
    convolution,
    dropout,
    linear,
    losses,
    memory,
    nets,
    normalization,
    operands,
    optimizers,
    parameters,
    pooling,
    schedulers,
    shape,
    softmax,
)
from conformance.misreadings.catalogue import CATALOGUE, misreading, namespace, register
from conformance.misreadings.generic import generic_mutants
from conformance.misreadings.mutants import Mutant
from conformance.misreadings.trivial import trivial_mutants

__all__ = [
    "CATALOGUE",
    "Mutant",
    "activations",
    "beginnings",
    "containers",
    "convolution",
    "dropout",
    "generic_mutants",
    "linear",
    "losses",
    "memory",
    "misreading",
    "namespace",
    "nets",
    "normalization",
    "operands",
    "optimizers",
    "parameters",
    "pooling",
    "register",
    "schedulers",
    "shape",
    "softmax",
    "trivial_mutants",
]
