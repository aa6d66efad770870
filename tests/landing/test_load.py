"""Files of every format land alike, once, whole; what cannot be landed is told, and leaves nothing behind."""

import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from activations.errors import HourbellError
from dagster_project.command.load import ignored_columns
from dagster_project.landing.load import Loaded, load
from data.contract import contract

NOW = datetime(2026, 3, 2, 12)

ORDER = {
    "order_id": "o1",
    "status": "placed",
    "currency": "GBP",
    "total": "12.50",
    "source": "shop",
    "occurred_at": "2026-03-01T10:00:00Z",
}


def landed(loaded: Loaded) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        relation = connection.sql(f"from read_parquet('{loaded.landed}')")
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def csv(*rows: dict[str, str]) -> str:
    return "".join(",".join(row) + "\n" for row in [list(rows[0]), *(list(row.values()) for row in rows)])


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def write_parquet(path: Path, select: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"copy ({select}) to '{path}' (format parquet)")
    return path


AS_PARQUET = "select 'o1' as order_id, 'placed' as status, 'GBP' as currency, 12.5::double as total, 'shop' as source, "

FORMATS: dict[str, Callable[[Path], Path]] = {
    "csv": lambda folder: write(folder / "orders.csv", csv(ORDER)),
    "csv with semicolons": lambda folder: write(folder / "orders.csv", csv(ORDER).replace(",", ";")),
    "csv.gz": lambda folder: write(folder / "orders-1.csv.gz", csv(ORDER)),
    "jsonl": lambda folder: write(folder / "orders-2026-03.jsonl", lines(ORDER)),
    "jsonl.gz": lambda folder: write(folder / "orders" / "x.jsonl.gz", lines(ORDER)),
    "ndjson": lambda folder: write(folder / "orders" / "x.ndjson", lines({**ORDER, "total": 12.5})),
    "json array": lambda folder: write(folder / "orders.json", json.dumps([ORDER], indent=2)),
    "json lines in .json": lambda folder: write(folder / "orders.json", lines(ORDER)),
    "parquet": lambda folder: write_parquet(
        folder / "orders.parquet", AS_PARQUET + "timestamp '2026-03-01 10:00:00' as occurred_at"
    ),
    "parquet with time zone": lambda folder: write_parquet(
        folder / "orders.parquet", AS_PARQUET + "timestamptz '2026-03-01 11:00:00+01' as occurred_at"
    ),
    "parquet of text": lambda folder: write_parquet(
        folder / "orders.parquet", AS_PARQUET + "'2026-03-01T12:00:00+02:00' as occurred_at"
    ),
    "names as programs write them": lambda folder: write(
        folder / "orders.jsonl",
        lines(
            {
                "orderId": "o1",
                "Status": "Placed",
                "Currency": "gbp",
                "total": 12.5,
                "source": "shop",
                "timestamp": ORDER["occurred_at"],
            }
        ),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_lands_alike(name: str, tmp_path: Path) -> None:
    (loaded,) = load(FORMATS[name](tmp_path / "in"), tmp_path / "landing", NOW)
    assert (loaded.table, loaded.rows, loaded.faulty_rows, loaded.is_new) == ("orders", 1, 0, True)
    (row,) = landed(loaded)
    assert list(row) == list(contract("orders").landed_types)
    assert {name: str(row[name]) for name in ("order_id", "status", "currency", "total", "source")} == {
        name: ORDER[name] for name in ("order_id", "status", "currency", "total", "source")
    }
    assert row["occurred_at"] == datetime(2026, 3, 1, 10)
    assert (row["loaded_at"], row["loaded_at_given"], row["landing_faults"]) == (NOW, False, None)
    assert row["discount"] is None


def test_nested_values_land_as_json_text(tmp_path: Path) -> None:
    event = {"message_id": "m1", "type": "track", "source": "web", "occurred_at": "2026-03-01"}
    nested = {**event, "properties": {"products": [{"id": 1}], "name": "Ä"}}
    by_format = [
        write(tmp_path / "in" / "events.jsonl", lines(nested)),
        write(tmp_path / "in" / "events.json", json.dumps([{**event, "properties": json.dumps(nested["properties"])}])),
        write_parquet(
            tmp_path / "in" / "events.parquet",
            "select 'm1' as message_id, 'track' as type, 'web' as source, date '2026-03-01' as occurred_at, "
            "{'products': [{'id': 1}], 'name': 'Ä'} as properties",
        ),
    ]
    for path in by_format:
        (loaded,) = load(path, tmp_path / "landing", NOW)
        (row,) = landed(loaded)
        assert json.loads(row["properties"]) == nested["properties"]


def test_cells_that_cannot_be_read_keep_their_row_and_their_text(tmp_path: Path) -> None:
    odd = {**ORDER, "total": "12,50", "occurred_at": "yesterday", "discount": "NaN", "tax": "  "}
    (loaded,) = load(write(tmp_path / "orders.jsonl", lines(ORDER, odd)), tmp_path / "landing", NOW)
    good, bad = landed(loaded)
    assert (loaded.rows, loaded.faulty_rows, good["landing_faults"]) == (2, 1, None)
    assert (bad["total"], bad["occurred_at"], bad["discount"], bad["tax"]) == (None, None, None, None)
    assert json.loads(bad["landing_faults"]) == {"total": "12,50", "occurred_at": "yesterday", "discount": "NaN"}


def test_a_number_is_not_rounded_into_a_whole_one(tmp_path: Path) -> None:
    line = {"order_id": "o1", "product_id": "p", "unit_price": "1", "source": "x", "occurred_at": "2026-03-01"}
    given = [{**line, "line_number": "1", "quantity": text} for text in ("3", "3.0", "3.7", "1e30")]
    (loaded,) = load(write(tmp_path / "order_lines.jsonl", lines(*given)), tmp_path / "landing", NOW)
    assert [row["quantity"] for row in landed(loaded)] == [3, 3, None, None]


def test_ids_that_became_floats_are_ids_again(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "orders.parquet", AS_PARQUET + "17850.0::double as user_id, date '2026-03-01' as occurred_at"
    )
    (loaded,) = load(path, tmp_path / "landing", NOW)
    assert landed(loaded)[0]["user_id"] == "17850"


@pytest.mark.parametrize(
    ("name", "text", "broken"),
    [
        ("orders.csv", csv(ORDER) + "o2,placed,GBP\n" + "o3,placed,GBP,1,shop,2026-03-01,x,y\n", 2),
        ("orders.jsonl", lines(ORDER) + '{"order_id": "o2", \n' + "[1, 2]\n\n", 2),
    ],
)
def test_lines_that_cannot_be_read_are_kept_as_text(name: str, text: str, broken: int, tmp_path: Path) -> None:
    (loaded,) = load(write(tmp_path / name, text), tmp_path / "landing", NOW)
    assert (loaded.rows, loaded.faulty_rows) == (1 + broken, broken)
    rows = landed(loaded)
    assert rows[0]["order_id"] == "o1"
    kept = [json.loads(row["landing_faults"])["whole line"] for row in rows[1:]]
    assert all(line in text for line in kept)


def test_a_file_may_say_when_its_rows_became_known(tmp_path: Path) -> None:
    given = [{**ORDER, "loaded_at": "2026-03-01T10:05:00Z"}, {**ORDER, "loaded_at": None}, {**ORDER, "loaded_at": "?"}]
    (loaded,) = load(write(tmp_path / "orders.jsonl", lines(*given)), tmp_path / "landing", NOW)
    rows = landed(loaded)
    assert [row["loaded_at"] for row in rows] == [datetime(2026, 3, 1, 10, 5), NOW, NOW]
    assert all(row["loaded_at_given"] for row in rows)
    assert json.loads(rows[2]["landing_faults"]) == {"loaded_at": "?"}


def test_columns_that_the_contract_does_not_know_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines({**ORDER, "gift": True, "till": 4}))
    (loaded,) = load(path, tmp_path / "landing", NOW)
    assert loaded.ignored_columns == ("gift", "till")


def test_columns_that_many_files_have_too_much_are_told_once(tmp_path: Path) -> None:
    for name, row in (("1", {"gift": True, "till": 4}), ("2", {"till": 5}), ("3", {})):
        write(tmp_path / "orders" / f"{name}.jsonl", lines({**ORDER, **row}))
    loaded = load(tmp_path / "orders", tmp_path / "landing", NOW)
    assert list(ignored_columns(loaded)) == ["orders: ignored columns gift (1 file), till (2 files)"]


def test_loading_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a" / "orders.csv", csv(ORDER))
    (first,) = load(path, tmp_path / "landing", NOW)
    before = first.landed.stat()
    again = write(tmp_path / "b" / "orders" / "other name.csv", csv(ORDER))
    (second,) = load(again, tmp_path / "landing", datetime(2026, 4, 1))
    assert (second.is_new, second.landed, second.rows) == (False, first.landed, 1)
    assert second.landed.stat().st_mtime_ns == before.st_mtime_ns
    assert [file.name for file in (tmp_path / "landing").rglob("*.*")] == [first.landed.name]


def test_a_folder_lands_file_by_file(tmp_path: Path) -> None:
    write(tmp_path / "in" / "orders" / "1.csv", csv(ORDER))
    write(tmp_path / "in" / "orders" / "2.csv", csv({**ORDER, "order_id": "o2"}))
    write(tmp_path / "in" / "order_lines-1.jsonl", "")
    write(tmp_path / "in" / ".hidden" / "x.txt", "")
    write(tmp_path / "in" / "orders" / "_SUCCESS", "")
    ticks: list[int] = []
    loaded = load(tmp_path / "in", tmp_path / "landing", NOW, progress=lambda: ticks.append(1))
    assert [(file.table, file.rows) for file in loaded] == [("order_lines", 0), ("orders", 1), ("orders", 1)]
    assert len(ticks) == 3


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing there": (lambda folder: folder / "orders.csv", r"orders\.csv does not exist"),
    "an empty folder": (lambda folder: folder, "no files"),
    "no such table": (lambda folder: write(folder / "ordes.csv", csv(ORDER)), r"ordes\.csv.*orders"),
    "two tables": (lambda folder: write(folder / "contacts" / "orders.csv", csv(ORDER)), "contacts.*orders"),
    "no such format": (lambda folder: write(folder / "orders.xlsx", "x"), r"orders\.xlsx.*\.csv"),
    "a missing column": (
        lambda folder: write(folder / "orders.csv", csv({k: v for k, v in ORDER.items() if k != "total"})),
        r"orders\.csv.*orders needs the column total.*order_id, status",
    ),
    "one column twice": (
        lambda folder: write(
            folder / "orders.jsonl", lines({**ORDER, "orderId": "x", "OrderID": "y"} | {"order_id": ""})
        ),
        "",
    ),
    "a type that is none": (
        lambda folder: write_parquet(
            folder / "orders.parquet", AS_PARQUET + "[1, 2] as discount, date '2026-03-01' as occurred_at"
        ),
        r"orders\.parquet.*discount holds INTEGER\[\].*decimal\(18,2\)",
    ),
    "numbers for times": (
        lambda folder: write_parquet(folder / "orders.parquet", AS_PARQUET + "1767225600 as occurred_at"),
        "occurred_at holds INTEGER.*timestamp",
    ),
    "no Parquet at all": (
        lambda folder: write(folder / "orders.parquet", "hello"),
        r"orders\.parquet cannot be landed",
    ),
    "half a Parquet file": (
        lambda folder: _halved(
            write_parquet(folder / "orders.parquet", AS_PARQUET + "date '2026-03-01' as occurred_at")
        ),
        r"orders\.parquet cannot be landed",
    ),
    "half a JSON array": (lambda folder: write(folder / "orders.json", json.dumps([ORDER])[:-9]), "orders.json cannot"),
    "no gzip": (lambda folder: _renamed(write(folder / "x", csv(ORDER)), "orders.csv.gz"), r"orders\.csv\.gz"),
    "an empty CSV file": (lambda folder: write(folder / "orders.csv", ""), r"orders\.csv"),
}
del BAD["one column twice"]


def _halved(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_landed_is_told_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    make, told = BAD[name]
    (tmp_path / "in").mkdir()
    with pytest.raises(HourbellError, match=f"(?s){told}"):
        load(make(tmp_path / "in"), tmp_path / "landing", NOW)
    assert [path for path in (tmp_path / "landing").rglob("*") if path.is_file()] == []


def test_two_columns_for_one_are_told(tmp_path: Path) -> None:
    both = {name: value for name, value in ORDER.items() if name != "order_id"} | {"orderId": "x", "Order ID": "y"}
    with pytest.raises(HourbellError, match=r"(Order ID and orderId|orderId and Order ID) both stand for order_id"):
        load(write(tmp_path / "orders.jsonl", lines(both)), tmp_path / "landing", NOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_rights_is_told(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir(mode=0o500)
    with pytest.raises(HourbellError, match=f"no rights to {landing}"):
        load(write(tmp_path / "orders.csv", csv(ORDER)), landing, NOW)


def test_a_landing_that_is_no_folder_is_told(tmp_path: Path) -> None:
    landing = write(tmp_path / "landing", "")
    with pytest.raises(HourbellError, match=r"orders\.csv cannot be landed"):
        load(write(tmp_path / "orders.csv", csv(ORDER)), landing, NOW)


LOAD_IN_LITTLE_ROOM = """
import resource, signal, sys
from datetime import datetime
from pathlib import Path
from activations.errors import HourbellError
from dagster_project.landing.load import load
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    load(Path(sys.argv[1]), Path(sys.argv[2]), datetime(2026, 3, 2))
except HourbellError as error:
    sys.stdout.write(str(error))
"""


def test_a_disk_without_room_is_told_and_nothing_half_written_stays(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "orders.parquet",
        "select uuid()::varchar as order_id, 'placed' as status, 'GBP' as currency, 1 as total, 'shop' as source, "
        "date '2026-03-01' as occurred_at from range(20000)",
    )
    landing = tmp_path / "landing"
    told = subprocess.run(
        [sys.executable, "-c", LOAD_IN_LITTLE_ROOM, str(path), str(landing)], capture_output=True, text=True, check=True
    )
    assert f"{path} cannot be landed: there is no room left in {landing}" in told.stdout
    assert [file for file in landing.rglob("*") if file.is_file()] == []


def test_a_large_file_lands_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select
                    'm' || i as message_id,
                    'track' as type,
                    'Product Viewed' as event,
                    'u' || i % 50000 as user_id,
                    {{'product_id': i % 500, 'text': repeat(md5(i::varchar), 8)}} as properties,
                    'web' as source,
                    timestamp '2026-03-01' + to_milliseconds(i) as occurred_at
                from range(300000) as numbers(i)
            ) to '{path}' (format json)
            """
        )
    size = path.stat().st_size
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (loaded,) = load(path, tmp_path / "landing", datetime.now(UTC).replace(tzinfo=None))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert (loaded.rows, loaded.faulty_rows) == (300_000, 0)
    assert size > 100_000_000
    assert grown < 1_200_000_000
