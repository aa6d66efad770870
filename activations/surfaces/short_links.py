"""Links that are short enough for a text: where one leads is kept here, and looked up when it is followed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import sqlalchemy as sa

from activations.channels.face import Message, Setting
from activations.errors import HourbellError
from activations.journal.writing import insert_into
from activations.links import Click, Sent
from activations.surfaces.place import open_surfaces
from activations.surfaces.tables import SHORT_LINKS

KEPT_FOR = timedelta(days=400)


@dataclass(frozen=True)
class ShortLinks:
    """Keeps what short links of messages stand for. Nothing is opened before there is one."""

    setting: Setting

    def keep(self, batch: Sequence[Message]) -> None:
        """Keep those of a batch, on disk before it is pushed; raises HourbellError where that cannot be done."""
        now = self.setting.now()
        rows = [{**link._asdict(), "removed_after": now + KEPT_FOR} for message in batch for link in message.links]
        if not rows:
            return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert_into(connection, SHORT_LINKS).on_conflict_do_nothing(), rows)
                connection.execute(sa.delete(SHORT_LINKS).where(SHORT_LINKS.c.removed_after <= now))
        except sa.exc.SQLAlchemyError as error:
            raise HourbellError(
                f"Short links cannot be kept ({type(error).__name__}), and nothing was sent with them. Make room or "
                "look after the surfaces' database, and deliver again."
            ) from error

    def close(self) -> None:
        # cached_property keeps what was opened among the attributes
        if "_engine" in self.__dict__:
            self._engine.dispose()

    @cached_property
    def _engine(self) -> sa.Engine:
        return open_surfaces(self.setting.profile, self.setting.spool.parent)


def find(engine: sa.Engine, token: str, now: datetime) -> Click | None:
    """Where a short link leads, and which message it is in; None where it is not ours, or too old."""
    links = SHORT_LINKS.c
    with engine.connect() as connection:
        row = connection.execute(sa.select(SHORT_LINKS).where(links.token == token, links.removed_after > now)).first()
    if row is None:
        return None
    return Click(Sent(row.action_id, row.channel, row.topic, row.identifier, row.value), row.target, row.position)


def forget(engine: sa.Engine, action_ids: Collection[int], values: Collection[str]) -> int:
    """Take out the links of messages, by their actions and by whom they went to; how many those were."""
    theirs = sa.or_(SHORT_LINKS.c.action_id.in_(action_ids), SHORT_LINKS.c.value.in_(values))
    with engine.begin() as connection:
        return connection.execute(sa.delete(SHORT_LINKS).where(theirs)).rowcount
