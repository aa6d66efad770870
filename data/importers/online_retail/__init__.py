"""Real orders: the UCI Online Retail file (Chen, Sain and Guo 2012) as canonical tables.

The file is one flat list of invoice lines of a British gift shop. What becomes of each line is decided in
`_classify` and `_settle`, and told in the `Account`, whose classes add up to the lines of the file.

An order is a plain invoice with at least one product sold: a positive quantity at a positive price. In SQL
over the file, `NOT_PRODUCTS` being the list below:

    select InvoiceNo, any_value(CustomerID), min(InvoiceDate)
    from online_retail
    where InvoiceNo not like 'C%' and InvoiceNo not like 'A%'
    group by InvoiceNo
    having count(*) filter (
        upper(trim(StockCode)) not in NOT_PRODUCTS and Quantity > 0 and UnitPrice > 0
    ) > 0

A credit note (an invoice that begins with C) becomes a status of the order that it gives back when that can
be told: exactly one earlier order of the same customer holds all its products at the same prices and in at
least the same quantities, is worth at least as much, and has no earlier credit note. If all its worth came
back the order is `cancelled`, else `refunded`. Every other credit note stands alone, as an order of its own
number with the one status `refunded`, so that no money is lost; a second credit note of the same order does
too, because an order reaches a status once.

Invoices without a customer stay orders, without a `user_id`, so that revenue is whole; they give no contact.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import polars as pl

from activations.errors import HourbellError
from data.importers.canonical import TIMESTAMP, conform, exact, write_parquet
from data.importers.online_retail.account import CLASSES, Account, AccountRow
from data.importers.online_retail.countries import COUNTRIES

SOURCE_COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
FILE_NAME = "online_retail.parquet"

# prices are summed in whole ten-thousandths, so that sums are exact
PER_POUND = 10_000

SHIPPING = ("POST", "DOT", "C2")
CHARGES = ("M", "D", *(f"GIFT_0001_{pounds}" for pounds in range(10, 100, 10)))
FEES = ("AMAZONFEE", "B", "BANK CHARGES", "CRUK", "PADS", "S")
NOT_PRODUCTS = (*SHIPPING, *CHARGES, *FEES)


def import_online_retail(source: Path, out: Path, addresses: bool = False) -> Account:
    """Write the canonical tables of `source` (Parquet or CSV) as `out/<table>/online_retail.parquet`.

    Times become UTC (the file's are British local time) and `loaded_at` is `occurred_at`, so that the year
    replays as if it had been live. The file knows no addresses: with `addresses`, each customer is given an
    invented one at a reserved domain and consent to everything by e-mail, for rehearsals. The same source
    gives the same bytes.

    Raises `HourbellError` for a source that cannot be read or lacks a column, and for an unwritable `out`.
    """
    lines = _classify(_read(source))
    matches = _match_credit_notes(lines)
    lines = _settle(lines, matches)

    tables = {
        "contacts": _contacts(lines),
        "orders": _orders(lines, matches),
        "order_lines": _order_lines(lines),
        "products": _products(lines),
    }
    if addresses:
        tables["contacts"] = _with_addresses(tables["contacts"])
        tables["consents"] = _consents(tables["contacts"])
    for table, frame in tables.items():
        loaded = frame.with_columns(loaded_at=pl.col("occurred_at"))
        write_parquet(conform(loaded, table), out / table / FILE_NAME)
    return _account(source, lines, matches, tables)


def _read(source: Path) -> pl.DataFrame:
    """The file's lines, typed, numbered in `line`; what cannot be read as its type is null."""
    if not source.is_file():
        raise HourbellError(f"There is no file {source}: give the path of Online Retail as Parquet or CSV.")
    try:
        if source.suffix.lower() == ".parquet":
            frame = pl.read_parquet(source)
        elif source.suffix.lower() == ".csv":
            frame = _read_csv(source)
        else:
            raise HourbellError(f"{source} is neither .parquet nor .csv: convert it to one of them.")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise HourbellError(f"Cannot read {source}: {error}") from error

    missing = [name for name in SOURCE_COLUMNS if name not in frame.columns]
    if missing:
        raise HourbellError(
            f"{source} has no column {', '.join(missing)}: the importer needs {', '.join(SOURCE_COLUMNS)}."
        )
    text = [
        pl.col(name).cast(pl.String).str.strip_chars().replace(["", "nan"], None)
        for name in ("InvoiceNo", "StockCode", "Description", "Country")
    ]
    return frame.select(
        *text,
        pl.col("Quantity").cast(pl.Int64, strict=False),
        _time(frame.schema["InvoiceDate"]),
        price_units=(pl.col("UnitPrice").cast(pl.Float64, strict=False) * PER_POUND)
        .round()
        .cast(pl.Int64, strict=False),
        # a float in the original, because some are missing: 17850.0
        CustomerID=pl.col("CustomerID").cast(pl.Float64, strict=False).cast(pl.Int64, strict=False).cast(pl.String),
    ).with_row_index("line")


def _read_csv(source: Path) -> pl.DataFrame:
    """Copies of the file circulate in UTF-8 and in Latin-1 (it holds pound signs)."""
    try:
        return pl.read_csv(source, infer_schema=False)
    except pl.exceptions.ComputeError:
        return pl.read_csv(source, infer_schema=False, encoding="iso-8859-1")


def _time(kind: pl.DataType) -> pl.Expr:
    """British local time as UTC: the first of an hour that happens twice, null for one that never happens."""
    local = pl.col("InvoiceDate")
    if kind == pl.String:
        local = pl.coalesce(
            local.str.to_datetime(form, time_unit="us", strict=False)
            for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M")
        )
    return (
        local.cast(TIMESTAMP)
        .dt.replace_time_zone("Europe/London", ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
        .dt.replace_time_zone(None)
        .alias("occurred_at")
    )


def _classify(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds what each line is (`item`, `document`), `value` in ten-thousandths, `class` if it stays out."""
    code = pl.col("StockCode").str.to_uppercase()
    invoice = pl.col("InvoiceNo")
    lines = frame.with_columns(
        product_id=code,
        item=pl.when(code.is_in(SHIPPING))
        .then(pl.lit("shipping"))
        .when(code.is_in(CHARGES))
        .then(pl.lit("charge"))
        .when(code.is_in(FEES))
        .then(pl.lit("fee"))
        .otherwise(pl.lit("product")),
        document=pl.when(invoice.str.starts_with("C"))
        .then(pl.lit("credit"))
        .when(invoice.str.starts_with("A"))
        .then(pl.lit("adjustment"))
        .otherwise(pl.lit("order")),
        value=pl.col("Quantity") * pl.col("price_units"),
        repeated=~pl.struct(frame.columns[1:]).is_first_distinct(),
        invoiced_at=pl.col("occurred_at").min().over("InvoiceNo"),
    )
    credit = pl.col("document") == "credit"
    unreadable = pl.any_horizontal(
        pl.col("InvoiceNo", "StockCode", "Quantity", "price_units", "occurred_at").is_null()
    ) | (credit & (pl.col("Quantity") >= 0))
    lines = lines.with_columns(
        pl.when(unreadable)
        .then(pl.lit("unreadable"))
        .when(pl.col("repeated"))
        .then(pl.lit("repeated"))
        .when(pl.col("document") == "adjustment")
        .then(pl.lit("adjustment"))
        .when((pl.col("Quantity") <= 0) & ~credit)
        .then(pl.lit("stock movement"))
        .when(pl.col("price_units") < 0)
        .then(pl.lit("negative price"))
        .when(pl.col("price_units") == 0)
        .then(pl.lit("no price"))
        .when(pl.col("item") == "fee")
        .then(pl.lit("fee"))
        .alias("class")
    )
    is_product = pl.col("class").is_null() & (pl.col("item") == "product")
    return lines.with_columns(
        pl.when(pl.col("class").is_null() & ~is_product.any().over("InvoiceNo"))
        .then(pl.lit("no products beside it"))
        .otherwise(pl.col("class"))
        .alias("class")
    )


def _match_credit_notes(lines: pl.DataFrame) -> pl.DataFrame:
    """One row per credit note whose order is known: `credit`, `order`, `credited_at`, `credited`, `total`."""
    kept = lines.filter(pl.col("class").is_null())
    documents = kept.group_by("InvoiceNo").agg(pl.col("value").sum().abs())
    held = (
        kept.filter(pl.col("item") == "product", pl.col("CustomerID").is_not_null())
        .group_by("document", "InvoiceNo", "CustomerID", "product_id", "price_units", "invoiced_at")
        .agg(pl.col("Quantity").sum().abs())
    )
    credits = held.filter(pl.col("document") == "credit").with_columns(
        wanted=pl.len().over("InvoiceNo", mapping_strategy="group_to_rows")
    )
    orders = held.filter(pl.col("document") == "order")
    candidates = (
        credits.join(orders, on=["CustomerID", "product_id", "price_units"], suffix="_order")
        .filter(
            pl.col("Quantity_order") >= pl.col("Quantity"),
            pl.col("invoiced_at_order") <= pl.col("invoiced_at"),
        )
        .group_by("InvoiceNo", "InvoiceNo_order", "invoiced_at", "wanted")
        .agg(found=pl.len())
        .filter(pl.col("found") == pl.col("wanted"))
        .select(credit="InvoiceNo", order="InvoiceNo_order", credited_at="invoiced_at")
    )
    return (
        candidates.filter(pl.col("order").len().over("credit") == 1)
        .join(documents.select(credit="InvoiceNo", credited="value"), on="credit")
        .join(documents.select(order="InvoiceNo", total="value"), on="order")
        .filter(pl.col("credited") <= pl.col("total"))
        .sort("credited_at", "credit")
        .unique("order", keep="first", maintain_order=True)
    )


def _settle(lines: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """Gives the lines that stay their class, and the order that each belongs to (`order_id`)."""
    credit = pl.col("document") == "credit"
    known = pl.col("CustomerID").is_not_null()
    return (
        lines.join(
            matches.select(InvoiceNo="credit", order_id="order"),
            on="InvoiceNo",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.when(pl.col("class").is_not_null())
            .then(pl.col("class"))
            .when(credit & (pl.col("item") != "product"))
            .then(pl.lit("postage or charge returned"))
            .when(credit & pl.col("order_id").is_not_null())
            .then(pl.lit("returned, order found"))
            .when(credit)
            .then(pl.lit("returned, stands alone"))
            .when(pl.col("item") == "shipping")
            .then(pl.lit("postage sold"))
            .when(pl.col("item") == "charge")
            .then(pl.lit("charge sold"))
            .when(known)
            .then(pl.lit("sold"))
            .otherwise(pl.lit("sold, customer unknown"))
            .alias("class"),
            stays=pl.col("class").is_null(),
        )
        .with_columns(pl.coalesce("order_id", "InvoiceNo").alias("order_id"))
    )


def _country(field: str) -> pl.Expr:
    """The code or time zone of `Country`; null for a name that is not in the table."""
    values = {name: getattr(country, field) for name, country in COUNTRIES.items()}
    return pl.col("Country").replace_strict(values, default=None, return_dtype=pl.String)


def _contacts(lines: pl.DataFrame) -> pl.DataFrame:
    """A row for each customer when first seen, and one more whenever the country is another than before."""
    return (
        lines.filter(pl.col("CustomerID").is_not_null(), pl.col("class") != "unreadable")
        .unique(["CustomerID", "invoiced_at"], keep="first", maintain_order=True)
        .sort("invoiced_at", "line")
        .filter(
            (pl.col("Country") != pl.col("Country").shift().over("CustomerID")).fill_null(value=False)
            | pl.col("CustomerID").is_first_distinct()
        )
        .select(
            user_id="CustomerID",
            source=pl.lit("shop"),
            country=_country("code"),
            timezone=_country("timezone"),
            occurred_at="invoiced_at",
        )
        .sort("occurred_at", "user_id")
    )


def _orders(lines: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    documents = (
        lines.filter(pl.col("stays"))
        .group_by("InvoiceNo", "document", maintain_order=True)
        .agg(
            pl.col("order_id", "CustomerID", "Country", "invoiced_at").first(),
            total=pl.col("value").sum().abs(),
            shipping=pl.col("value").filter(pl.col("item") == "shipping").sum().abs(),
        )
    )
    placed = documents.filter(pl.col("document") == "order").with_columns(
        status=pl.lit("placed"), refunded=pl.lit(None, pl.Int64), occurred_at=pl.col("invoiced_at")
    )
    given_back = placed.join(matches.drop("total"), left_on="InvoiceNo", right_on="order").with_columns(
        status=pl.when(pl.col("credited") == pl.col("total")).then(pl.lit("cancelled")).otherwise(pl.lit("refunded")),
        refunded=pl.col("credited"),
        occurred_at=pl.col("credited_at"),
    )
    alone = documents.filter(pl.col("document") == "credit", pl.col("InvoiceNo") == pl.col("order_id")).with_columns(
        status=pl.lit("refunded"), refunded=pl.col("total"), occurred_at=pl.col("invoiced_at")
    )
    return (
        pl.concat([placed, given_back.select(placed.columns), alone.select(placed.columns)])
        .select(
            "order_id",
            "status",
            user_id="CustomerID",
            currency=pl.lit("GBP"),
            total=exact(pl.col("total"), PER_POUND, 2),
            shipping=exact(pl.col("shipping"), PER_POUND, 2),
            refunded=exact(pl.col("refunded"), PER_POUND, 2),
            country=_country("code"),
            source=pl.lit("shop"),
            occurred_at="occurred_at",
        )
        .sort("occurred_at", "order_id", "status")
    )


def _order_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """What came back is numbered on after what was bought, below zero, at the time of the credit note."""
    return (
        lines.filter(pl.col("stays"), pl.col("item") == "product")
        .sort("document", "line", descending=[True, False])
        .select(
            "order_id",
            line_number=pl.int_range(1, pl.len() + 1).over("order_id"),
            product_id="product_id",
            quantity="Quantity",
            unit_price=exact(pl.col("price_units"), PER_POUND, 4),
            occurred_at="invoiced_at",
        )
        .sort("occurred_at", "order_id", "line_number")
    )


def _products(lines: pl.DataFrame) -> pl.DataFrame:
    """Name and price are those that it was sold under most often; on a draw the first in order."""
    sold = lines.filter(pl.col("stays"), pl.col("item") == "product")
    return (
        sold.group_by("product_id")
        .agg(
            name=pl.col("Description").drop_nulls().mode().min(),
            price=pl.col("price_units").mode().min(),
            occurred_at=pl.col("invoiced_at").min(),
        )
        .select(
            "product_id",
            name=pl.coalesce("name", "product_id"),
            price=exact(pl.col("price"), PER_POUND, 4),
            currency=pl.lit("GBP"),
            is_available=pl.lit(value=True),
            occurred_at="occurred_at",
        )
        .sort("occurred_at", "product_id")
    )


def _with_addresses(contacts: pl.DataFrame) -> pl.DataFrame:
    return contacts.with_columns(email=pl.format("customer-{}@online-retail.example", "user_id"))


def _consents(contacts: pl.DataFrame) -> pl.DataFrame:
    return contacts.unique("user_id", keep="first", maintain_order=True).select(
        "user_id",
        "email",
        channel=pl.lit("email"),
        topic=pl.lit("all"),
        status=pl.lit("granted"),
        evidence=pl.lit("invented for a rehearsal"),
        source=pl.lit("shop"),
        occurred_at="occurred_at",
    )


def _account(source: Path, lines: pl.DataFrame, matches: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> Account:
    counted = {
        name: (count, unknown, invoices, units)
        for name, count, unknown, invoices, units in lines.group_by("class")
        .agg(
            pl.len(),
            pl.col("CustomerID").is_null().sum().alias("unknown"),
            pl.col("InvoiceNo").n_unique().alias("invoices"),
            pl.col("value").sum(),
        )
        .iter_rows()
    }
    rows = tuple(
        AccountRow(name, count, unknown, invoices, Decimal(units) / PER_POUND)
        for name, (count, unknown, invoices, units) in ((n, counted.get(n, (0, 0, 0, 0))) for n in CLASSES)
    )
    credit_notes = lines.filter(pl.col("stays"), pl.col("document") == "credit")["InvoiceNo"].n_unique()
    orders = tables["orders"]
    return Account(
        source=source,
        lines=lines.height,
        rows=rows,
        tables={table: frame.height for table, frame in tables.items()},
        credit_notes_matched=matches.height,
        credit_notes_alone=credit_notes - matches.height,
        customers=tables["contacts"]["user_id"].n_unique(),
        orders_without_customer=orders.filter(pl.col("status") == "placed", pl.col("user_id").is_null()).height,
    )
