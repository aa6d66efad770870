"""Work that is done before it is asked for."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Brought = TypeVar("Brought")


def beforehand(work: Iterator[Brought], ahead: int) -> Generator[Brought]:
    """What an iterator brings, worked out on a thread of its own, by up to so many ahead of whoever asks."""
    with ThreadPoolExecutor(1) as worker:
        upcoming = deque(worker.submit(next, work, None) for _ in range(ahead))
        try:
            while (brought := upcoming.popleft().result()) is not None:
                upcoming.append(worker.submit(next, work, None))
                yield brought
        finally:
            worker.shutdown(cancel_futures=True)
