"""Plan checks, run them, account for them."""
