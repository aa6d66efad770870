"""Canonical tables as `data/contract` states them: the columns, their types, and files that carry them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl
import yaml

from activations.errors import HourbellError

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
    contract = yaml.safe_load(path.read_text(encoding="utf-8"))
    columns = {column["name"]: _TYPES[column["type"]] for column in contract["columns"]}
    return {**columns, "loaded_at": TIMESTAMP}


def conform(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame with exactly the table's columns, typed; what it lacks is null, other columns go."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema(table).items()
    )


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a Parquet file whole or not at all: a reader never meets half of one.

    Raises `HourbellError` where the directory cannot be written to.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(partial, compression="zstd", statistics=True)
        partial.replace(path)
    except OSError as error:
        raise HourbellError(
            f"Cannot write {path}: {error.strerror or error}. Free some space or choose another directory."
        ) from error
