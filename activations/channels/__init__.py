"""One module a channel, all with the same face."""
