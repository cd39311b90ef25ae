"""Say what a failure looks like: patterns in the numbers, and misreadings that give the same."""
