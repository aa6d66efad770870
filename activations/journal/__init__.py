"""What was done with each action, and what of it survives a crash."""
