"""Who carries e-mail, one module each, all with the same face."""
