"""Quiet hours through every change of the clocks: the macros' SQL against the IANA database and against known cases."""

import csv
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.home import Home
from dagster_project.ticks.transform import run_dbt

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
INSTANTS = SHARED / "quiet_hours.csv"
WINDOWS = SHARED / "send_window_cases.json"

# zone, moment (UTC), quiet_from, quiet_to
Case = tuple[str | None, datetime, str | None, str | None]
# local time, end of the quiet hours that hold the moment, beginning of the next (UTC)
Answer = tuple[datetime, datetime | None, datetime | None]

SQL = """
with there as (
    select
        *,
        {{ to_local_time('utc', 'timezone') }} as local
    from asked
),

quiet as (
    select
        *,
        {{ quiet_until('local', 'quiet_from', 'quiet_to') }} as local_end,
        {{ quiet_begins('local', 'quiet_from', 'quiet_to') }} as local_begin
    from there
)

select
    local,
    {{ from_local_time('local_end', 'timezone') }} as quiet_until,
    {{ from_local_time('local_begin', 'timezone') }} as quiet_begins_at
from quiet
order by number
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Iterable[Case]], list[Answer]]:
    """The macros, as dbt compiles them, asked of any number of cases at once."""
    home = Home(tmp_path_factory.mktemp("quiet_hours")).prepare()
    compiled = run_dbt(home, ["compile", "--inline", SQL]).results[0].node.compiled_code

    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(
        "create table asked (number integer, timezone varchar, utc timestamp, quiet_from varchar, quiet_to varchar)"
    )

    def answers(cases: Iterable[Case]) -> list[Answer]:
        connection.execute("delete from asked")
        connection.executemany(
            "insert into asked values (?, ?, ?, ?, ?)", [(number, *case) for number, case in enumerate(cases)]
        )
        return connection.execute(compiled).fetchall()

    return answers


def at(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z"))


@pytest.mark.skipif(not INSTANTS.exists(), reason="../shared/data/quiet_hours.csv is not here")
def test_quiet_hours_around_every_change_of_the_clocks_of_three_years(ask: Callable) -> None:
    with INSTANTS.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1636
    # Cuba stays on summer time through the winter of 2026: so says IANA's 2026f, but not yet the ICU within DuckDB
    told = [
        row for row in rows if not (row["tz"] == "America/Havana" and "2026-11-01T05" <= row["utc"] < "2027-03-14T05")
    ]
    assert len(told) == 1629
    answers = ask((row["tz"], at(row["utc"]), "21:00", "08:00") for row in told)
    for row, (local, until, begins) in zip(told, answers, strict=True):
        assert local == at(row["local"]), row
        assert (until is not None) == (row["in_quiet"] == "1"), row
        assert (until or at(row["utc"])) == at(row["next_allowed_utc"]), row
        assert begins > at(row["utc"]) or local.hour == 21, row


@pytest.mark.skipif(not WINDOWS.exists(), reason="../shared/data/send_window_cases.json is not here")
def test_a_send_window_is_what_quiet_hours_leave(ask: Callable) -> None:
    """The cases with a whole window within a day. Others of theirs are turned round, or know an account in New York."""
    left_out = ("test in between wrong start/end time order", "test invalid timezone")
    cases = [
        case
        for case in json.loads(WINDOWS.read_text())["batch"]
        if case.get("window_start")
        and case.get("window_end")
        and "allowed_days" not in case
        and case["case"] not in left_out
    ]
    assert len(cases) == 8
    for case in cases:
        opens, closes = case["window_start"].split()[1], case["window_end"].split()[1]
        scheduled = datetime.strptime(case["scheduled_utc"], "%Y-%m-%d %H:%M")
        ((_, until, _),) = ask([(case["contact_timezone"], scheduled, closes, opens)])
        ((local, _, _),) = ask([(case["contact_timezone"], until or scheduled, None, None)])
        assert local == at(case["expected_local"]), case


@pytest.mark.parametrize(
    ("zone", "utc", "quiet_from", "quiet_to", "until"),
    [
        # ends are exclusive
        ("Europe/London", "2026-06-01 19:59:59", "21:00", "08:00", None),
        ("Europe/London", "2026-06-01 20:00", "21:00", "08:00", "2026-06-02 07:00"),
        ("Europe/London", "2026-06-02 06:59:59.999999", "21:00", "08:00", "2026-06-02 07:00"),
        ("Europe/London", "2026-06-02 07:00", "21:00", "08:00", None),
        # within a day
        ("Asia/Kolkata", "2026-06-01 07:00", "12:30", "14:00", "2026-06-01 08:30"),
        ("Asia/Kolkata", "2026-06-01 08:30", "12:30", "14:00", None),
        # to midnight
        ("UTC", "2026-06-01 23:30", "22:00", "24:00", "2026-06-02 00:00"),
        ("UTC", "2026-06-02 00:00", "22:00", "00:00", None),
        # an hour without its nought
        ("UTC", "2026-06-01 07:30", "21:00", "8:00", "2026-06-01 08:00"),
        # the account's zone where none is known
        (None, "2026-06-01 07:30", "21:00", "08:00", "2026-06-01 08:00"),
        # none
        ("UTC", "2026-06-01 23:30", None, None, None),
        ("UTC", "2026-06-01 23:30", "21:00", None, None),
        ("UTC", "2026-06-01 23:30", None, "08:00", None),
        ("UTC", "2026-06-01 09:00", "09:00", "09:00", None),
        # the clocks skip the end: it moves to the next time that they show
        ("Europe/London", "2026-03-28 23:00", "21:00", "01:30", "2026-03-29 01:00"),
        ("Africa/Cairo", "2026-04-23 20:30", "21:00", "00:30", "2026-04-23 22:00"),
        ("Australia/Lord_Howe", "2026-10-03 14:00", "21:00", "02:15", "2026-10-03 15:30"),
        # they show it twice: the later ends it
        ("Europe/London", "2026-10-25 00:10", "21:00", "01:30", "2026-10-25 01:30"),
    ],
)
def test_the_edges_of_quiet_hours(
    ask: Callable, zone: str | None, utc: str, quiet_from: str | None, quiet_to: str | None, until: str | None
) -> None:
    ((_, answer, _),) = ask([(zone, at(utc), quiet_from, quiet_to)])
    assert answer == (until and at(until))


@pytest.mark.parametrize(
    ("zone", "utc", "quiet_from", "begins"),
    [
        ("Europe/London", "2026-06-01 19:59", "21:00", "2026-06-01 20:00"),
        ("Europe/London", "2026-06-01 20:00", "21:00", "2026-06-01 20:00"),
        ("Europe/London", "2026-06-01 20:01", "21:00", "2026-06-02 20:00"),
        # the night in between is an hour shorter
        ("Europe/London", "2026-03-28 21:30", "21:00", "2026-03-29 20:00"),
        ("UTC", "2026-06-01 20:01", None, None),
    ],
)
def test_when_quiet_hours_begin_next(
    ask: Callable, zone: str, utc: str, quiet_from: str | None, begins: str | None
) -> None:
    ((_, _, answer),) = ask([(zone, at(utc), quiet_from, "08:00")])
    assert answer == (begins and at(begins))
