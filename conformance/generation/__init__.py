"""From specs to trials: drawn values, programs of steps, generated cases."""
