"""The whole Online Retail year in daily ticks, against plain SQL over the raw file."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.home import Home
from dagster_project.landing.ingest import land_all
from dagster_project.landing.load import load
from dagster_project.replay import compile_tick, replay
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import Window, split
from data.importers.online_retail import NOT_PRODUCTS, import_online_retail

RAW = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail.parquet"
YEAR = Window(datetime(2010, 12, 1), datetime(2011, 12, 10))
MODELS = ("+post_purchase__entered", "+reengagement__entered", "workflow_status_changes")
HOLDOUTS = ("treated", "holdout")

pytestmark = pytest.mark.skipif(not RAW.exists(), reason="../shared/data/online_retail.parquet is not here")


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("online_retail")
    home = Home(folder / "home").prepare()
    import_online_retail(RAW, folder / "files")
    load(folder / "files", home.landing, YEAR.end)
    statements = compile_tick(home, MODELS)
    with open_warehouse(home) as connection:
        land_all(connection, home.landing, known_from=None, tick_start=YEAR.start)
    replay(home, split(YEAR, timedelta(days=1)), statements=statements, with_outbox=False)
    return home


def plain_orders() -> str:
    """Orders as the importer's documentation defines them, times in London."""
    products = ", ".join(f"'{code}'" for code in NOT_PRODUCTS)
    return f"""
        select
            InvoiceNo as order_id,
            any_value(cast(CustomerID as integer)) as customer,
            timezone('UTC', timezone('Europe/London', min(InvoiceDate))) as ordered_at
        from '{RAW}'
        where InvoiceNo not like 'C%' and InvoiceNo not like 'A%'
        group by InvoiceNo
        having
            count(*) filter (upper(trim(StockCode)) not in ({products}) and Quantity > 0 and UnitPrice > 0) > 0
            and customer is not null
    """


def test_post_purchase_is_entered_by_every_order_of_a_known_customer(year: Home) -> None:
    with open_warehouse(year, read_only=True) as warehouse:
        entered = warehouse.execute(
            "select entry_key, reached_at from workflows.post_purchase__entered order by all"
        ).fetchall()
    expected = duckdb.sql(f"select order_id, ordered_at from ({plain_orders()}) order by all").fetchall()
    assert len(expected) > 18_000
    assert entered == expected


def kept_something() -> set[str]:
    """Customers who did not send back all that they ever bought; whose orders were all cancelled never was one."""
    rows = duckdb.sql(
        f"select cast(CustomerID as integer) from '{RAW}' where CustomerID is not null "
        "group by all having sum(Quantity) > 0"
    ).fetchall()
    return {str(customer) for (customer,) in rows}


def test_reengagement_is_entered_after_90_days_without_an_order(year: Home) -> None:
    with open_warehouse(year, read_only=True) as warehouse:
        entered = warehouse.execute(
            """
            select profiles.user_id, entered.reached_at
            from workflows.reengagement__entered as entered
            inner join (
                select distinct contact_id, user_id from contacts.contact_profile_versions
            ) as profiles on entered.contact_id = profiles.contact_id
            order by all
            """
        ).fetchall()
    lapsed = duckdb.sql(
        f"""
        select customer, ordered_at + interval '90 days' as lapsed_at
        from ({plain_orders()})
        qualify coalesce(
            lead(ordered_at) over (partition by customer order by ordered_at) > lapsed_at,
            true
        ) and lapsed_at < timestamp '{YEAR.end}'
        order by customer, lapsed_at
        """
    ).fetchall()
    expected, last = [], {}
    for customer, lapsed_at in lapsed:
        if customer not in last or lapsed_at >= last[customer] + timedelta(days=180):
            last[customer] = lapsed_at
            expected.append((str(customer), lapsed_at))
    assert len(expected) > 1_000
    customers = kept_something()
    assert [entry for entry in entered if entry[0] in customers] == sorted(
        entry for entry in expected if entry[0] in customers
    )
