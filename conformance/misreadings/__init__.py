"""Misreadings that run: the reference with one known mistake each.

A spec names its misreadings (id, sentence, the checks that must catch it); here each has the class
that makes the mistake. Importing this package fills `CATALOGUE`.
"""

from conformance.misreadings import losses, nets, optimizers, schedulers
from conformance.misreadings.catalogue import CATALOGUE, misreading, namespace, register

__all__ = [
    "CATALOGUE",
    "losses",
    "misreading",
    "namespace",
    "nets",
    "optimizers",
    "register",
    "schedulers",
]
