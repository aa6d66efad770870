"""History lived through once more: what would have been, and what would be otherwise."""
