"""Where people are reached, and in which form each provider wants to have it."""
