"""Ad platforms that keep audiences, one module each, all with the same face."""
