"""Erasing a person: everywhere, for good, and so that no total changes."""
