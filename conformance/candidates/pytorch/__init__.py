"""PyTorch as an implementation and as an oracle. Only these modules import torch."""
