"""Time what is right: a candidate beside the reference and PyTorch, through pytest-benchmark."""
