"""Send windows, against cases that another system's users met: windows, weekdays and zones, day by day."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from compiled_macros import compiled, small_warehouse
from engine_world import Engine
from test_waiting import arrive, arrived, prepare

from dagster_project.ticks.windows import Window

CASES = Path(__file__).resolve().parents[3] / "shared" / "data" / "send_window_cases.json"
# where the account of the cases is; who has no valid zone is taken to live there
ACCOUNT = "America/New_York"

# a window with a start alone, or an end alone, is none there; here it goes to the day's end, or from its beginning
WAITS_FOR_ONE_SIDED = {
    "test on before start time": datetime(2018, 10, 19, 10),
    "test on before start time previous day": datetime(2018, 10, 18, 10),
    "test on before start time next day": datetime(2018, 10, 20, 10),
    "test on end time": datetime(2018, 10, 20),
    "test on after end time": datetime(2018, 10, 20),
    "test on after end time previous day": datetime(2018, 10, 19),
    "test on after end time next day": datetime(2018, 10, 21),
}

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="../shared/data/send_window_cases.json is not here")


@dataclass(frozen=True)
class Case:
    name: str
    due: datetime
    zone: str
    expected: datetime
    """UTC, as `due`."""
    macro: str


def read_cases() -> list[Case]:
    """Those of contacts who are due."""
    return [case_of(row) for row in json.loads(CASES.read_text())["batch"]]


def case_of(row: dict[str, Any]) -> Case:
    zone = row["contact_timezone"] if row["contact_timezone"] in available_timezones() else ACCOUNT
    due = told(row["scheduled_utc"])
    expected = told(row["expected_local"]).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    # Sunday is 0 there, and 7 here; to allow no day at all is to allow each
    days = [day or 7 for day in row.get("allowed_days") or []] or None
    if row.get("window_start") or row.get("window_end"):
        # in the wrong order they are put right there; here a window would go over midnight
        opens, closes = row.get("window_start"), row.get("window_end")
        window = sorted([f"{told(opens):%H:%M}" if opens else "00:00", f"{told(closes):%H:%M}" if closes else "24:00"])
        macro = f"within_local_window('due', 'zone', {window}, {days or 'none'})"
    elif row["at_hour"] or days:
        clock = told(row["at_hour"] or row["scheduled_utc"])
        macro = f"next_local_time('due', 'zone', '{clock:%H:%M}', {days or 'none'})"
    else:
        macro = "'due'"
    return Case(row["case"], due, zone, expected, macro)


def told(text: str) -> datetime:
    """A time of the cases, some of which have hours of one digit."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M")


def test_windows_open_as_the_cases_have_it(shop: Engine) -> None:
    cases = read_cases()
    assert len(cases) == 31
    questions = [
        f"select {place} as place, timestamp '{case.due}' as due, '{case.zone}' as zone"
        for place, case in enumerate(cases)
    ]
    answers = " ".join(f"when {place} then {{{{ {case.macro} }}}}" for place, case in enumerate(cases))
    sql = f"select case place {answers} end from ({' union all '.join(questions)}) order by place"
    with small_warehouse() as connection:
        found = connection.execute(compiled(shop.home, {"carts_abandoned": sql})["carts_abandoned"]).fetchall()
    assert {case.name: at for case, (at,) in zip(cases, found, strict=True)} == {
        case.name: WAITS_FOR_ONE_SIDED.get(case.name, case.expected) for case in cases
    }


def test_a_date_that_is_named_is_kept_as_the_cases_have_it(shop: Engine) -> None:
    """They are a window's and an hour's too, of which such a date takes no notice."""
    cases = json.loads(CASES.read_text())["single"]
    assert len(cases) == 29
    expected = {row["case"]: told(row["expected"]) for row in cases}
    previous = [
        {
            "enrollment_id": place,
            "contact_id": place,
            "assignment": "treated",
            "reached_at": told(row["scheduled"]) - timedelta(days=2),
            "scheduled": told(row["scheduled"]),
            "branch": "any",
            "definition_version": "of now",
            "tick_end": min(expected.values()),
        }
        for place, row in enumerate(cases)
    ]
    model, step = "reengagement__reaction", "select arrivals.* from {{ arrivals('main.previous', until='scheduled') }}"
    sql = compiled(shop.home, {model: step}, also=["step_changes"])[model]
    with small_warehouse() as connection:
        prepare(connection, previous)
        arrive(connection, model, sql, [Window(min(expected.values()), max(expected.values()) + timedelta(hours=1))])
        found = dict(arrived(connection, model))
    assert {row["case"]: found.get(place) for place, row in enumerate(cases)} == expected
