"""The importer of real orders: by a few lines of every class, and by the whole file where it is at hand."""

import hashlib
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from rich.console import Console

from activations.errors import HourbellError
from data.importers.canonical import schema
from data.importers.online_retail import NOT_PRODUCTS, SOURCE_COLUMNS, import_online_retail
from data.importers.online_retail.account import CLASSES, Account
from data.importers.online_retail.countries import COUNTRIES

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "online_retail.parquet"
TABLES = ("contacts", "orders", "order_lines", "products")

UK, FR = "United Kingdom", "France"
# each line: what it must be called, then the file's own columns
LINES: list[tuple[str, str, str, str | None, int | None, str, float, float | None, str]] = [
    ("sold", "500001", "85123A", "HEART", 6, "2011-07-01 10:00", 2.55, 17850.0, UK),
    ("repeated", "500001", "85123A", "HEART", 6, "2011-07-01 10:00", 2.55, 17850.0, UK),
    ("sold", "500001", "71053", "LANTERN", 2, "2011-07-01 10:01", 3.39, 17850.0, UK),
    ("postage sold", "500001", "POST", "POSTAGE", 1, "2011-07-01 10:00", 18.0, 17850.0, UK),
    ("charge sold", "500001", "m", "Manual", 1, "2011-07-01 10:00", 1.25, 17850.0, UK),
    ("no price", "500001", "22841", "CAKE TIN", 1, "2011-07-01 10:00", 0.0, 17850.0, UK),
    # in winter British time is UTC
    ("sold, customer unknown", "500002", "85123a", "HEART", 1, "2011-01-05 09:30", 5.06, None, UK),
    ("postage sold", "500002", "DOT", "DOTCOM POSTAGE", 1, "2011-01-05 09:30", 4.95, None, UK),
    ("sold", "500003", "22720", "CAKE TINS", 3, "2011-07-02 12:00", 4.95, 12583.0, FR),
    ("sold", "500004", "22720", "SET OF CAKE TINS", 4, "2011-07-03 12:00", 4.95, 17850.0, UK),
    # the same customer, abroad now
    ("sold", "500005", "22720", "SET OF CAKE TINS", 9, "2011-07-04 12:00", 4.95, 17850.0, FR),
    # the only earlier order with six hearts of this price: part of 500001
    ("returned, order found", "C500010", "85123A", "HEART", -6, "2011-07-10 09:00", 2.55, 17850.0, UK),
    # all of 500003
    ("returned, order found", "C500011", "22720", "CAKE TINS", -3, "2011-07-11 09:00", 4.95, 12583.0, FR),
    # either of two orders
    ("returned, stands alone", "C500012", "22720", "CAKE TINS", -1, "2011-07-12 09:00", 4.95, 17850.0, UK),
    ("postage or charge returned", "C500012", "POST", "POSTAGE", -1, "2011-07-12 09:00", 2.0, 17850.0, UK),
    # a second credit note of 500001
    ("returned, stands alone", "C500013", "71053", "LANTERN", -1, "2011-07-13 09:00", 3.39, 17850.0, UK),
    # before anything was bought
    ("returned, stands alone", "C499999", "22720", "CAKE TINS", -1, "2011-06-01 09:00", 4.95, 12583.0, FR),
    ("no products beside it", "500006", "POST", "POSTAGE", 1, "2011-07-05 12:00", 18.0, 12583.0, FR),
    ("no products beside it", "C500014", "D", "Discount", -1, "2011-07-14 09:00", 27.5, 14527.0, UK),
    ("fee", "C500015", "AMAZONFEE", "AMAZON FEE", -1, "2011-07-15 09:00", 9000.5, None, UK),
    ("fee", "500001", "BANK CHARGES", "Bank Charges", 1, "2011-07-01 10:00", 0.001, 17850.0, UK),
    ("adjustment", "A500016", "B", "Adjust bad debt", 1, "2011-07-16 09:00", -11062.06, None, UK),
    ("stock movement", "500017", "22720", "damaged", -8, "2011-07-17 09:00", 0.0, None, UK),
    ("negative price", "500018", "22720", "CAKE TINS", 1, "2011-07-18 09:00", -1.0, None, UK),
    # a local time that does not exist
    ("unreadable", "500019", "22720", "CAKE TINS", 1, "2011-03-27 01:30", 4.95, None, UK),
    ("unreadable", "500020", "22720", "CAKE TINS", None, "2011-07-18 09:00", 4.95, None, UK),
    ("unreadable", "C500021", "22720", "CAKE TINS", 1, "2011-07-18 09:00", 4.95, None, UK),
]


def frame_of_lines() -> pl.DataFrame:
    frame = pl.DataFrame([line[1:] for line in LINES], schema=list(SOURCE_COLUMNS), orient="row")
    return frame.with_columns(pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M", time_unit="ns"))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Account, Path]:
    directory = tmp_path_factory.mktemp("few")
    source = directory / "lines.parquet"
    frame_of_lines().write_parquet(source)
    return import_online_retail(source, directory / "out"), directory / "out"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Account, Path]:
    if not REAL.is_file():
        pytest.skip(f"{REAL} is not here: the whole of Online Retail is not part of the repository")
    out = tmp_path_factory.mktemp("real")
    return import_online_retail(REAL, out), out


def table(out: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(out / name / "online_retail.parquet")


def hashes(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*.parquet"))
    }


def test_each_line_is_of_the_class_that_it_should_be(few: tuple[Account, Path]) -> None:
    expected = {name: sum(line[0] == name for line in LINES) for name in CLASSES}
    assert {row.name: row.lines for row in few[0].rows} == expected
    assert all(expected.values()), "the lines cover every class"


def test_an_order_is_the_sum_of_what_stays_of_its_lines(few: tuple[Account, Path]) -> None:
    placed = table(few[1], "orders").filter(pl.col("status") == "placed")
    assert placed.select("order_id", "user_id", "total", "shipping", "country", "occurred_at").rows() == [
        ("500002", None, Decimal("10.01"), Decimal("4.95"), "GB", datetime(2011, 1, 5, 9, 30)),
        ("500001", "17850", Decimal("41.33"), Decimal("18.00"), "GB", datetime(2011, 7, 1, 9, 0)),
        ("500003", "12583", Decimal("14.85"), Decimal("0.00"), "FR", datetime(2011, 7, 2, 11, 0)),
        ("500004", "17850", Decimal("19.80"), Decimal("0.00"), "GB", datetime(2011, 7, 3, 11, 0)),
        ("500005", "17850", Decimal("44.55"), Decimal("0.00"), "FR", datetime(2011, 7, 4, 11, 0)),
    ]


def test_a_credit_note_is_the_order_s_if_it_can_only_be_that_one(few: tuple[Account, Path]) -> None:
    given_back = table(few[1], "orders").filter(pl.col("status") != "placed")
    assert given_back.select("order_id", "status", "total", "refunded", "occurred_at").rows() == [
        ("C499999", "refunded", Decimal("4.95"), Decimal("4.95"), datetime(2011, 6, 1, 8)),
        ("500001", "refunded", Decimal("41.33"), Decimal("15.30"), datetime(2011, 7, 10, 8)),
        ("500003", "cancelled", Decimal("14.85"), Decimal("14.85"), datetime(2011, 7, 11, 8)),
        ("C500012", "refunded", Decimal("6.95"), Decimal("6.95"), datetime(2011, 7, 12, 8)),
        ("C500013", "refunded", Decimal("3.39"), Decimal("3.39"), datetime(2011, 7, 13, 8)),
    ]
    lines = table(few[1], "order_lines").filter(pl.col("order_id") == "500001")
    assert lines.select("line_number", "product_id", "quantity", "unit_price").rows() == [
        (1, "85123A", 6, Decimal("2.5500")),
        (2, "71053", 2, Decimal("3.3900")),
        (3, "85123A", -6, Decimal("2.5500")),
    ]


def test_a_contact_is_written_again_when_the_country_changes(few: tuple[Account, Path]) -> None:
    contacts = table(few[1], "contacts").filter(pl.col("user_id") == "17850")
    assert contacts.select("country", "timezone", "occurred_at").rows() == [
        ("GB", "Europe/London", datetime(2011, 7, 1, 9)),
        ("FR", "Europe/Paris", datetime(2011, 7, 4, 11)),
        ("GB", "Europe/London", datetime(2011, 7, 10, 8)),
    ]
    assert table(few[1], "contacts")["email"].null_count() == table(few[1], "contacts").height


def test_a_product_bears_its_most_frequent_name(few: tuple[Account, Path]) -> None:
    products = table(few[1], "products")
    assert dict(products.select("product_id", "name").rows()) == {
        "22720": "CAKE TINS",
        "71053": "LANTERN",
        "85123A": "HEART",
    }


def test_the_tables_have_the_contract_s_columns_and_natural_keys(few: tuple[Account, Path]) -> None:
    keys = {
        "contacts": ["source", "user_id", "occurred_at"],
        "orders": ["order_id", "status"],
        "order_lines": ["order_id", "line_number", "occurred_at"],
        "products": ["product_id", "occurred_at"],
    }
    for name in TABLES:
        frame = table(few[1], name)
        assert dict(frame.schema) == dict(schema(name))
        assert frame["loaded_at"].equals(frame["occurred_at"])
        assert not frame.select(keys[name]).is_duplicated().any()


def test_addresses_are_invented_at_a_reserved_domain_with_consent(tmp_path: Path) -> None:
    source = tmp_path / "lines.parquet"
    frame_of_lines().write_parquet(source)
    import_online_retail(source, tmp_path, addresses=True)
    contacts, consents = table(tmp_path, "contacts"), table(tmp_path, "consents")
    assert contacts["email"].str.ends_with("@online-retail.example").all()
    assert dict(consents.schema) == dict(schema("consents"))
    assert set(consents["user_id"]) == set(contacts["user_id"])
    assert consents["user_id"].is_unique().all()
    assert set(consents.select("channel", "topic", "status").rows()) == {("email", "all", "granted")}


@pytest.mark.parametrize(("form", "encoding"), [("%Y-%m-%d %H:%M:%S", "utf-8"), ("%-m/%-d/%Y %H:%M", "latin-1")])
def test_csv_gives_the_same_bytes(few: tuple[Account, Path], tmp_path: Path, form: str, encoding: str) -> None:
    lines = frame_of_lines().with_columns(pl.col("InvoiceDate").dt.strftime(form))
    text = lines.write_csv()
    source = tmp_path / "lines.csv"
    # some copies are not in UTF-8
    source.write_bytes(text.replace("damaged", "damaged £").encode(encoding))
    account = import_online_retail(source, tmp_path / "out")
    assert account.rows == few[0].rows
    assert hashes(tmp_path / "out") == hashes(few[1])


def test_what_cannot_be_read_or_written_is_named(few: tuple[Account, Path], tmp_path: Path) -> None:
    with pytest.raises(HourbellError, match=r"nowhere\.parquet"):
        import_online_retail(tmp_path / "nowhere.parquet", tmp_path)
    text = tmp_path / "lines.txt"
    text.write_text("InvoiceNo\n")
    with pytest.raises(HourbellError, match="neither"):
        import_online_retail(text, tmp_path)
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 and no more")
    with pytest.raises(HourbellError, match=r"torn\.parquet"):
        import_online_retail(torn, tmp_path)
    narrow = tmp_path / "narrow.parquet"
    frame_of_lines().drop("UnitPrice").write_parquet(narrow)
    with pytest.raises(HourbellError, match="UnitPrice"):
        import_online_retail(narrow, tmp_path)
    whole = tmp_path / "lines.parquet"
    frame_of_lines().write_parquet(whole)
    with pytest.raises(HourbellError, match="Cannot write"):
        import_online_retail(whole, text)


def test_the_account_of_the_real_file_adds_up(real: tuple[Account, Path]) -> None:
    account, _ = real
    assert account.lines == 541_909
    assert sum(row.lines for row in account.rows) == 541_909
    assert sum(row.customer_unknown for row in account.rows) == 135_080
    raw = duckdb.sql(f"select sum(cast(Quantity * UnitPrice as decimal(18, 4))) from '{REAL}'").fetchall()
    assert sum(row.value for row in account.rows) == raw[0][0]
    console = Console(width=200)
    with console.capture() as capture:
        console.print(account.as_table())
    assert "541,909" in capture.get()


def test_the_real_orders_are_those_of_plain_sql(real: tuple[Account, Path]) -> None:
    account, out = real
    expected = duckdb.execute(
        f"""
        select
            InvoiceNo,
            cast(cast(any_value(CustomerID) as bigint) as varchar),
            timezone('UTC', timezone('Europe/London', min(cast(InvoiceDate as timestamp))))
        from '{REAL}'
        where InvoiceNo not like 'C%' and InvoiceNo not like 'A%'
        group by InvoiceNo
        having count(*) filter (
            upper(trim(StockCode)) not in (select unnest(?)) and Quantity > 0 and UnitPrice > 0
        ) > 0
        order by 3, 1
        """,
        [list(NOT_PRODUCTS)],
    ).fetchall()
    orders = table(out, "orders")
    placed = orders.filter(pl.col("status") == "placed").sort("occurred_at", "order_id")
    assert placed.select("order_id", "user_id", "occurred_at").rows() == expected
    assert account.orders_without_customer == sum(row[1] is None for row in expected) == 1_371
    assert placed.height == 19_773
    assert account.customers == table(out, "contacts")["user_id"].n_unique() == 4_372


def test_no_money_of_the_real_file_is_lost(real: tuple[Account, Path]) -> None:
    account, out = real
    worth = {row.name: row.value for row in account.rows}
    orders = table(out, "orders")
    placed = orders.filter(pl.col("status") == "placed")["total"].sum()
    back = orders.filter(pl.col("status") != "placed")["refunded"].sum()
    assert placed == sum(worth[name] for name in ("sold", "sold, customer unknown", "postage sold", "charge sold"))
    assert -back == sum(
        worth[name] for name in ("returned, order found", "returned, stands alone", "postage or charge returned")
    )
    lines = table(out, "order_lines")
    products = duckdb.execute(
        f"""
        with distinct_lines as (select distinct * from '{REAL}')
        select count(*), sum(cast(Quantity * UnitPrice as decimal(18, 4)))
        from distinct_lines
        where
            upper(trim(StockCode)) not in (select unnest(?))
            and UnitPrice > 0
            and (Quantity > 0 or InvoiceNo like 'C%')
        """,
        [list(NOT_PRODUCTS)],
    ).fetchall()
    assert (lines.height, (lines["quantity"] * lines["unit_price"]).sum()) == products[0]


def test_no_credit_note_of_the_real_file_gives_back_more_than_was_ordered(real: tuple[Account, Path]) -> None:
    account, out = real
    orders, lines = table(out, "orders"), table(out, "order_lines")
    matched = orders.filter(pl.col("status") != "placed", ~pl.col("order_id").str.starts_with("C"))
    assert matched.height == account.credit_notes_matched > 1_500
    assert (matched["refunded"] <= matched["total"]).all()
    assert ((matched["refunded"] == matched["total"]) == (matched["status"] == "cancelled")).all()
    left = (
        lines.filter(pl.col("order_id").is_in(matched["order_id"].implode()))
        .group_by("order_id", "product_id")
        .agg(pl.col("quantity").sum())
    )
    assert (left["quantity"] >= 0).all()
    assert not orders.select("order_id", "status").is_duplicated().any()


def test_every_country_of_the_real_file_is_known(real: tuple[Account, Path]) -> None:
    names = {name for (name,) in duckdb.sql(f"select distinct Country from '{REAL}'").fetchall()}
    assert names == set(COUNTRIES)
    assert table(real[1], "contacts")["country"].null_count() < 20


def test_the_same_file_gives_the_same_bytes(real: tuple[Account, Path], tmp_path: Path) -> None:
    import_online_retail(REAL, tmp_path)
    assert hashes(tmp_path) == hashes(real[1])
