"""A mail server on this machine that keeps and shows what it receives, and passes nothing on."""
