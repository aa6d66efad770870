"""The contract reads as it says, and a mistake in it is named."""

from pathlib import Path

import pytest

from activations.errors import HourbellError
from data.contract import contract, read_contract, tables

TABLE = """
table: visits
description: What somebody looked at.
grain: One row per visit.
natural_key: [visit_id]
columns:
  - {name: visit_id, type: varchar, required: true, description: The id of the visit.}
  - {name: page, type: varchar, description: Its page.}
"""


def test_the_tables_are_those_that_the_marts_need() -> None:
    names = [table.name for table in tables()]
    assert names == ["consents", "contacts", "costs", "events", "order_lines", "orders", "outcomes", "products"]


def test_a_table_is_found_by_its_name_and_an_unknown_one_names_the_known() -> None:
    orders = contract("orders")
    assert orders.natural_key == ("order_id", "status")
    assert orders.column("total").type == "decimal(18,2)"
    with pytest.raises(HourbellError, match=r"'ordes'.*contacts.*orders"):
        contract("ordes")
    with pytest.raises(HourbellError, match=r"no column totl.*total"):
        orders.column("totl")


def test_every_key_is_a_column_and_every_reason_tells_apart() -> None:
    for table in tables():
        assert set(table.natural_key) <= set(table.column_names)
        reasons = [expectation.reason for expectation in table.expectations]
        assert len(reasons) == len(set(reasons))


@pytest.mark.parametrize(
    ("expectations", "told"),
    [
        ("[{expect: rows_to_satisfy, on_failure: shrug, reason: odd}]", "odd.*on_failure.*shrug"),
        ("[{expect: rows_to_satisfy, on_failure: stop, reason: odd}]", "odd.*mend"),
        ("[{expect: rows_to_satisfy, on_failure: blank, reason: odd}]", "odd.*blanks"),
        ("[{expect: rows_to_satisfy, on_failure: blank, blanks: visit_id, reason: odd}]", "odd.*optional"),
        ("[{expect: rows_to_satisfy, reason: odd}]", "visits.yml.*on_failure"),
        ("[{expect: column_values_to_be_in_set, value_set: planets, on_failure: quarantine, reason: odd}]", "planets"),
        ("{", "visits.yml"),
    ],
)
def test_a_mistake_in_a_contract_is_named(expectations: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "visits.yml"
    path.write_text(f"{TABLE}expectations: {expectations}\n")
    with pytest.raises(HourbellError, match=f"(?s){told}"):
        read_contract(path)
