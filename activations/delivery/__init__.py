"""The way out: from files of the outbox to files of outcomes."""
