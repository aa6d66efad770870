"""Canonical tables as `data/contract` states them: the columns, their types, and files that carry them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl

from activations.errors import HourbellError
from activations.yaml_files import read_yaml

CONTRACT = Path(__file__).resolve().parent.parent / "contract"

TIMESTAMP = pl.Datetime("us")
_TYPES: dict[str, pl.DataType] = {
    "varchar": pl.String(),
    "json": pl.String(),
    "timestamp": TIMESTAMP,
    "date": pl.Date(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "boolean": pl.Boolean(),
    "decimal(18,2)": pl.Decimal(18, 2),
    "decimal(18,4)": pl.Decimal(18, 4),
}


@cache
def schema(table: str) -> Mapping[str, pl.DataType]:
    """Columns and types of a canonical table, in the contract's order, with `loaded_at` last.

    JSON columns are text. Raises `HourbellError` for a table without a contract.
    """
    path = CONTRACT / f"{table}.yml"
    if not path.is_file():
        raise HourbellError(f"There is no contract for the table {table!r}: {path} does not exist.")
    contract = read_yaml(path)
    columns = {column["name"]: _TYPES[column["type"]] for column in contract["columns"]}
    return {**columns, "loaded_at": TIMESTAMP}


def conform(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame with exactly the table's columns, typed; what it lacks is null, other columns go."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema(table).items()
    )


def exact(units: pl.Expr, per_one: int, scale: int) -> pl.Expr:
    """Whole units (pence: 100 to the pound) as an exact decimal, rounded to `scale` digits."""
    decimal = units.cast(pl.Decimal(38, 0)) / pl.lit(Decimal(per_one).quantize(Decimal("1.0000")))
    return decimal.cast(pl.Decimal(38, 4)).round(scale).cast(pl.Decimal(18, scale))


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a Parquet file whole or not at all: a reader never meets half of one.

    Raises `HourbellError` where the directory cannot be written to.
    """
    with _whole(path) as partial:
        frame.write_parquet(partial, compression="zstd", statistics=True)


def write_text(text: str, path: Path) -> None:
    """Write a text file (UTF-8) in the same manner."""
    with _whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        # Polars tells of a full disk by an error of its own
        with suppress(OSError):
            partial.unlink()
        raise HourbellError(
            f"Cannot write {path}: {getattr(error, 'strerror', None) or error}. "
            "Free some space there, or choose a directory that can be written to."
        ) from error
