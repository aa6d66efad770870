"""What became of every line of the Online Retail file."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True)
class LineClass:
    """One thing that a line of the file can be."""

    meaning: str
    fate: str


CLASSES: Mapping[str, LineClass] = {
    "unreadable": LineClass("no invoice, code, quantity, price or time that can be read", "set aside"),
    "repeated": LineClass("the same in every column as an earlier line", "set aside"),
    "adjustment": LineClass("bad debt, on an invoice that begins with A", "set aside"),
    "stock movement": LineClass("damaged, lost, counted: no positive quantity, no credit note", "set aside"),
    "negative price": LineClass("a price below zero", "set aside"),
    "no price": LineClass("a price of zero: given away, found, a note", "set aside"),
    "fee": LineClass("what the shop pays: Amazon, bank, samples, donations, bad debt", "set aside"),
    "no products beside it": LineClass("postage or charge on a document without a product", "set aside"),
    "sold": LineClass("a product, to a known customer", "order line"),
    "sold, customer unknown": LineClass("a product, to nobody known", "order line, no contact"),
    "postage sold": LineClass("postage or carriage on an order", "in the order's shipping and total"),
    "charge sold": LineClass("manual entry or gift voucher on an order", "in the order's total"),
    "returned, order found": LineClass("a product of a credit note", "order line, status of the order"),
    "returned, stands alone": LineClass("a product of a credit note", "order line, refund of its own"),
    "postage or charge returned": LineClass("of a credit note with products", "in what was given back"),
}


@dataclass(frozen=True)
class AccountRow:
    """How many lines fell into one class, and what they are worth (GBP, signed as in the file)."""

    name: str
    lines: int
    customer_unknown: int
    invoices: int
    value: Decimal


@dataclass(frozen=True)
class Account:
    """What became of every line of the source; the rows' lines add up to `lines`."""

    source: Path
    lines: int
    rows: tuple[AccountRow, ...]
    tables: Mapping[str, int]
    credit_notes_matched: int
    credit_notes_alone: int
    customers: int
    orders_without_customer: int

    def as_table(self) -> Table:
        """The account as a person reads it."""
        table = Table(title=f"{self.source.name}: what became of each line", show_footer=True)
        table.add_column("class", footer="all")
        table.add_column("what it is")
        table.add_column("what became of it")
        table.add_column("lines", justify="right", footer=f"{sum(row.lines for row in self.rows):,}")
        unknown = sum(row.customer_unknown for row in self.rows)
        table.add_column("customer unknown", justify="right", footer=f"{unknown:,}")
        table.add_column("GBP", justify="right", footer=f"{sum(row.value for row in self.rows):,.2f}")
        for row in self.rows:
            kind = CLASSES[row.name]
            table.add_row(
                row.name,
                kind.meaning,
                kind.fate,
                f"{row.lines:,}",
                f"{row.customer_unknown:,}",
                f"{row.value:,.2f}",
            )
        return table
