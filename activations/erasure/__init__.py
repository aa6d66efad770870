"""Forgetting people in what delivery keeps."""
