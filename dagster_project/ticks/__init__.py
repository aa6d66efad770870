"""One tick: its window, its statements, and what becomes of one that is interrupted."""
