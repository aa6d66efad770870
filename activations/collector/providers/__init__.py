"""What providers report of our messages: one module each, and one set of engagement for all."""
