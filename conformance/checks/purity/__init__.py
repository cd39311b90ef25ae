"""What a call must leave alone, and what must not change its result."""
