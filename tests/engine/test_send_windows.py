"""Send windows, against cases that another system's users met: windows, weekdays and zones, day by day."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from compiled_macros import compiled, small_warehouse
from engine_world import Engine

CASES = Path(__file__).resolve().parents[3] / "shared" / "data" / "send_window_cases.json"
# where the account of the cases is; who has no valid zone is taken to live there
ACCOUNT = "America/New_York"

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
    """Those of contacts who are due; the others are of a date that is kept whatever the window."""
    return [case_of(row) for row in json.loads(CASES.read_text())["batch"] if not is_one_sided(row)]


def is_one_sided(row: dict[str, Any]) -> bool:
    """A window without a start, or without an end, is none there; here it cannot be written."""
    return bool(row.get("window_start")) != bool(row.get("window_end"))


def case_of(row: dict[str, Any]) -> Case:
    zone = row["contact_timezone"] if row["contact_timezone"] in available_timezones() else ACCOUNT
    due = told(row["scheduled_utc"])
    expected = told(row["expected_local"]).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    # Sunday is 0 there, and 7 here; to allow no day at all is to allow each
    days = [day or 7 for day in row.get("allowed_days") or []] or None
    if row.get("window_start"):
        # in the wrong order they are put right there; here a window would go over midnight
        window = sorted(f"{told(row[end]):%H:%M}" for end in ("window_start", "window_end"))
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
    assert len(cases) == 17
    questions = [
        f"select {place} as place, timestamp '{case.due}' as due, '{case.zone}' as zone"
        for place, case in enumerate(cases)
    ]
    answers = " ".join(f"when {place} then {{{{ {case.macro} }}}}" for place, case in enumerate(cases))
    sql = f"select case place {answers} end from ({' union all '.join(questions)}) order by place"
    with small_warehouse() as connection:
        found = connection.execute(compiled(shop.home, {"carts_abandoned": sql})["carts_abandoned"]).fetchall()
    assert {case.name: at for case, (at,) in zip(cases, found, strict=True)} == {
        case.name: case.expected for case in cases
    }
