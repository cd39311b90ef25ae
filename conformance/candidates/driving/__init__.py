"""Drive layers, containers, optimizers and schedulers of any dialect."""
