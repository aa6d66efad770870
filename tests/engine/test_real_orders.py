"""The whole Online Retail year, in ticks of a week and of a day, against plain SQL over the raw file."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.landing.ingest import land_all
from dagster_project.landing.load import load
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.windows import Window, split
from dagster_project.warehouse import open_warehouse
from data.importers.online_retail import NOT_PRODUCTS, import_online_retail

RAW = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail.parquet"
YEAR = Window(datetime(2010, 12, 1), datetime(2011, 12, 10))
# the weeks before Christmas, in which most is bought
BUSY = Window(datetime(2011, 10, 31), YEAR.end)
DAY = timedelta(days=1)
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
    ticks = [*split(Window(YEAR.start, BUSY.start), 7 * DAY), *split(BUSY, DAY)]
    replay(home, ticks, statements=statements, with_outbox=False)
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


def plain_cancellations() -> str:
    """Orders that came back whole: one credit note with all their worth, which fits no other order."""
    products = ", ".join(f"'{code}'" for code in NOT_PRODUCTS)
    return f"""
        with lines as (
            select
                InvoiceNo as invoice,
                CustomerID as customer,
                upper(trim(StockCode)) as product,
                UnitPrice as price,
                abs(sum(Quantity)) as quantity,
                min(InvoiceDate) as invoiced_at
            from '{RAW}'
            where
                CustomerID is not null
                and UnitPrice > 0
                and upper(trim(StockCode)) not in ({products})
                and (Quantity < 0) = (InvoiceNo like 'C%')
            group by all
        ),

        invoices as (
            select
                invoice,
                count(*) as products,
                round(sum(price * quantity), 2) as worth,
                min(invoiced_at) as invoiced_at
            from lines
            group by invoice
        ),

        fitting as (
            select credit.invoice as credit_note, sold.invoice as order_id
            from lines as credit
            inner join lines as sold
                on
                    credit.customer = sold.customer
                    and credit.product = sold.product
                    and credit.price = sold.price
                    and credit.quantity <= sold.quantity
                    and credit.invoiced_at > sold.invoiced_at
            inner join invoices on credit.invoice = invoices.invoice
            where credit.invoice like 'C%' and sold.invoice not like 'C%'
            group by credit.invoice, sold.invoice, invoices.products
            having count(*) = invoices.products
        )

        select
            fitting.order_id,
            timezone('UTC', timezone('Europe/London', min(credits.invoiced_at))) as cancelled_at
        from fitting
        inner join invoices as credits on fitting.credit_note = credits.invoice
        inner join invoices as orders on fitting.order_id = orders.invoice
        where fitting.credit_note in (select credit_note from fitting group by all having count(*) = 1)
        group by all
        having arg_min(credits.worth = orders.worth, credits.invoiced_at)
    """


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
        with orders as (
            select *
            from ({plain_orders()})
            left join ({plain_cancellations()}) using (order_id)
        ),

        moments as (
            select customer, ordered_at as moment from orders
            union
            select customer, cancelled_at from orders where cancelled_at is not null
        ),

        lapses as (
            select
                moments.customer,
                greatest(moment, max(ordered_at) + interval '90 days') as lapsed_at,
                max(ordered_at) is not null as is_customer,
                lead(moment, 1, timestamp 'infinity') over (
                    partition by moments.customer order by moment
                ) as until
            from moments
            left join orders
                on
                    moments.customer = orders.customer
                    and orders.ordered_at <= moment
                    and coalesce(orders.cancelled_at > moment, true)
            group by moments.customer, moment
        )

        select customer, lapsed_at
        from (select * from lapses where is_customer and lapsed_at < until)
        -- who was lapsed up to this moment does not lapse anew
        qualify lapsed_at is distinct from lag(until) over (partition by customer order by lapsed_at)
        order by all
        """
    ).fetchall()
    expected, last = [], {}
    for customer, lapsed_at in lapsed:
        if lapsed_at < YEAR.end and (customer not in last or lapsed_at >= last[customer] + timedelta(days=180)):
            last[customer] = lapsed_at
            expected.append((str(customer), lapsed_at))
    assert len(expected) > 1_000
    assert entered == sorted(expected)
