"""CRMs, one module each, all with the same face."""
