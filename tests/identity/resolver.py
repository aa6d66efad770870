"""The identity models, run over histories from nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import duckdb
from identity_history import DAYS, START, land
from identity_reference import Resolution, Row

from dagster_project.home import Home
from dagster_project.ticks.statements import Statement, replay_tick
from dagster_project.ticks.windows import Window, split
from dagster_project.warehouse import open_warehouse, spare_threads

IDENTITY = (
    *(f"stg_{table}" for table in ("contacts", "events", "orders", "consents")),
    "path:models/contacts/identity",
    "path:models/contacts/activity",
)
PERIOD = Window(START, START + timedelta(days=DAYS))


@dataclass(frozen=True)
class Resolver:
    """A warehouse, and what the models do in it in a tick."""

    home: Home
    statements: Sequence[Statement]

    def run(
        self,
        connection: duckdb.DuckDBPyConnection,
        windows: Iterable[Window],
        change: Callable[[str], str] = lambda sql: sql,
    ) -> None:
        """Run the ticks; `change` may rewrite the statements."""
        spare_threads(connection, self.home)
        statements = [known.saying([change(sql) for sql in known.sql]) for known in self.statements]
        for window in windows:
            replay_tick(connection, statements, window)

    def resolve(self, history: Iterable[Row], hours: int, change: Callable[[str], str] = lambda sql: sql) -> Resolution:
        """What the models make of a history in ticks of so many hours, from nothing."""
        with open_warehouse(self.home) as connection:
            self.forget(connection)
            land(connection, history)
            self.run(connection, split(PERIOD, timedelta(hours=hours)), change)
            return resolution(connection)

    def forget(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Empty the models' tables."""
        for statement in self.statements:
            # the first word after "delete from" is the table
            connection.execute(" ".join(statement.sql[0].split()[:3]))


def resolution(connection: duckdb.DuckDBPyConnection) -> Resolution:
    """What the models have written."""

    def rows(sql: str) -> list[tuple]:
        return connection.execute(sql).fetchall()

    return Resolution(
        versions=set(rows("select identifier_id, contact_id, valid_from from contacts.identity_map")),
        merges=set(rows("select contact_id, into_contact_id, merged_at from contacts.contact_merges")),
        contact_of_row=dict(
            rows(
                "select source, contact_id from contacts.contact_details"
                " union all select message_id, contact_id from contacts.events"
                " union all select order_id, contact_id from contacts.orders"
                " union all select topic, contact_id from contacts.consent_statements"
            )
        ),
        rejected=set(
            rows("select stronger_id, weaker_id, rejection_reason from contacts.identity_links where not is_accepted")
        ),
    )
