"""A CRM's pages from where the last pull came to, of whatever stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from activations.channels.batches import NotAnsweredError
from activations.crms.face import Cursor, Deal, Record
from activations.crms.memory import Memory
from activations.delivery.patience import Patience
from activations.errors import HourbellError

Item = TypeVar("Item", Record, Deal)
_BEGINNING = datetime(1970, 1, 1)
_OVERLAP = timedelta(minutes=10)
"""A search shows what has changed only after a while, and clocks differ."""


@dataclass(frozen=True)
class Page(Generic[Item]):
    """What a CRM told, when it was asked for it, and how far it was read with that."""

    items: list[Item]
    asked_at: datetime
    cursor: str


@dataclass(frozen=True)
class Reading:
    """How a CRM is read."""

    name: str
    memory: Memory
    now: Callable[[], datetime]
    patience: Patience

    async def pages(
        self, stream: str, ask: Callable[[Cursor], Awaitable[tuple[list[Item], Cursor | None]]]
    ) -> AsyncIterator[Page[Item]]:
        """The pages of a stream; each has to be learnt before the next counts.

        Raises HourbellError where the CRM cannot be read to the end.
        """
        stored = self.memory.cursor(stream)
        reached: datetime = Cursor.of(stored).changed_at if stored else _BEGINNING
        cursor: Cursor | None = Cursor(max(_BEGINNING, reached - _OVERLAP))
        while cursor is not None:
            asked_at = self.now()
            answer: tuple[list[Item], Cursor | None] = await self._answered(ask, cursor)
            found: list[Item] = answer[0]
            reached = max([reached, *(item.changed_at for item in found)])
            yield Page(found, asked_at, Cursor(reached).text)
            cursor = answer[1]

    async def _answered(
        self, ask: Callable[[Cursor], Awaitable[tuple[list[Item], Cursor | None]]], cursor: Cursor
    ) -> tuple[list[Item], Cursor | None]:
        attempts = 0
        while True:
            try:
                return await ask(cursor)
            except NotAnsweredError as error:
                attempts += 1
                pause = self.patience.pause(attempts, attempts, error.answer.retry_after)
                is_over = attempts == self.patience.attempts or pause > self.patience.longest
                if error.answer.status != "retry" or is_over:
                    raise HourbellError(
                        f"{self.name} could not be read to the end: {error.answer.reason}. What was read is kept; pull "
                        "again."
                    ) from error
            await asyncio.sleep(pause)
