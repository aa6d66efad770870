"""Calls of a batch, many under way at once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from activations.channels.face import Answer
from activations.transport.http import CONNECTIONS

Call = TypeVar("Call")


async def in_flight(calls: Iterable[Call], make: Callable[[Call], Awaitable[list[Answer]]]) -> list[Answer]:
    """Make the calls, as many at once as there may be connections; what was answered, in the order in which it came."""
    waiting = deque(calls)
    answers: list[Answer] = []

    async def work() -> None:
        while waiting:
            answers.extend(await make(waiting.popleft()))

    await asyncio.gather(*(work() for _ in range(min(CONNECTIONS, len(waiting)))))
    return answers
