"""Misreadings that run: the reference with one known mistake each.

A spec names its misreadings (id, sentence, the checks that must catch it); here each has the class
that makes the mistake. Importing this package fills `CATALOGUE`. `generic` has mistakes that any
layer can make and `trivial` candidates that do no work: `generic_mutants` and `trivial_mutants`
put them into the class of a spec.
"""

from conformance.misreadings import losses, nets, optimizers, schedulers
from conformance.misreadings.catalogue import CATALOGUE, misreading, namespace, register
from conformance.misreadings.generic import generic_mutants
from conformance.misreadings.mutants import Mutant
from conformance.misreadings.trivial import trivial_mutants

__all__ = [
    "CATALOGUE",
    "Mutant",
    "generic_mutants",
    "losses",
    "misreading",
    "namespace",
    "nets",
    "optimizers",
    "register",
    "schedulers",
    "trivial_mutants",
]
