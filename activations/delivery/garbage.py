"""Python's search for garbage, which grows with all that is there."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# a batch has hundreds of thousands of objects, none of which refers back to another
_NEW_OBJECTS, _YOUNG, _OLD = 100_000, 20, 100


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Leave out what is there already, and look through what is new but seldom: a fifth of the time of a delivery."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG, _OLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
