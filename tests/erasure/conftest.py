"""A shop in which one person has left traces everywhere."""

import json
import shutil
from datetime import timedelta

import polars as pl
import pytest
from traces import (
    EMAIL,
    START,
    Lived,
    carted,
    collect,
    damage,
    deliver,
    known_by,
    land,
    late,
    tick,
    traces,
    waiting,
    withdrawn,
)

from activations.collector.objections import note_statements
from activations.spool import spool_file
from dagster_project.home import Home
from dagster_project.warehouse import open_warehouse


@pytest.fixture(scope="session")
def lived(landed_shop: Home, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Copy it; do not change it."""
    folder = tmp_path_factory.mktemp("lived")
    shutil.copytree(landed_shop.root, folder / "home")
    home = Home(folder / "home")
    tick(home, START)
    with open_warehouse(home) as connection:
        user_id = connection.execute(
            "select min(user_id) from contacts.contact_profiles where user_id is not null and email_consented "
            "and phone is not null and email is not null"
        ).fetchall()[0][0]
    for table, rows in traces(user_id, START + timedelta(hours=30)).items():
        land(home, folder / "export", table, rows, START + timedelta(hours=31))
    tick(home, START + timedelta(days=1))
    deliver(home, START + timedelta(days=1, hours=16))
    with open_warehouse(home) as connection:
        # as if a message of theirs had come back
        connection.execute(
            "insert into marts.returned_emails by name select $2::timestamp as as_of, $2::date - 1 as day, "
            "'mailbox.example' as domain, workflow, 'bounced' as became, contact_id, action_id, $2 as known_at "
            "from decisions.decisions inner join contacts.contact_profiles using (contact_id) where email = $1 limit 1",
            [EMAIL, START + timedelta(days=1)],
        )
        (action_id,) = connection.execute(
            "select action_id from marts.returned_emails where contact_id = "
            "(select contact_id from contacts.contact_profiles where email = ?)",
            [EMAIL],
        ).fetchall()[0]
    land(home, folder / "known_by", "events", known_by(action_id), START + timedelta(days=2))
    # a workflow that nobody has released
    (home.outbox / "approved" / "abandoned_cart.json").unlink()
    land(home, folder / "cart", "events", carted(user_id), START + timedelta(days=2))
    deliver(home, START + timedelta(days=2))
    tick(home, START + timedelta(days=2))
    # landed, and no tick knows of it
    land(home, folder / "late", "events", late(user_id), START + timedelta(days=3))
    with open_warehouse(home) as connection:
        (contact_id,) = connection.execute(
            "select contact_id from contacts.contact_profiles where email = ?", [EMAIL]
        ).fetchall()[0]
        ids = connection.execute(
            "select unnest([contact_id, enrollment_id, action_id]) from decisions.decisions where contact_id = $1 "
            "union select identifier_id from contacts.identity_map where contact_id = $1",
            [contact_id],
        ).fetchall()
        # as a workflow that was switched on late would have it
        connection.execute(
            "create table if not exists engine.backfilled (workflow varchar, contact_id bigint, entry_key varchar, "
            "reached_at timestamp, occurred_at timestamp, carried varchar, qualified_at timestamp)"
        )
        connection.execute(
            "insert into engine.backfilled values ('birthday', $1, $2, $3, $3, $4, $3)",
            [contact_id, str(contact_id), START, json.dumps({"first_name": "Zephyrine", "score": 3})],
        )
    (home.reports / "site").mkdir(parents=True)
    (home.reports / "site" / "workflow-abandoned_cart.html").write_text(f"contacts behind it: {contact_id}")
    # what may lie about
    (home.logs / "collector.log").write_text(f"took an event of {EMAIL}\ntook an event of somebody\n")
    spool_file(home.spool, "events", pl.DataFrame([waiting()]))
    (home.logs / "app.log").write_text(f"user_id={user_id} opened\nuser_id=bystander opened\n")
    collect(home)
    damage(home, user_id)
    note_statements(home.collected, [withdrawn()])
    return Lived(home, user_id, contact_id, action_id, frozenset(number for (number,) in ids))
