"""Who carries text messages, one module each, all with the same face."""
