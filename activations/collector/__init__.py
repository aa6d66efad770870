"""What comes in over HTTP: events, and what people answer."""
