"""Who may be written to, against another system's case of a subscription from which one opts out."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from profile_history import History
from profiles import Profiles

from dagster_project.ticks.windows import Window

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "segment_cases.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else []
OF_SUBSCRIPTIONS = [case for case in CASES if case["subscriptionGroups"]]
# the topic about which everybody is written to until they say no
TOPIC = "service"
SAID = {"Subscribe": "granted", "Unsubscribe": "withdrawn"}

pytestmark = pytest.mark.skipif(not CASES, reason="../shared/data/segment_cases.json is not here")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def learned(event: dict[str, Any]) -> History:
    at = moment(event["timestamp"])
    common = {"contact_id": 1, "occurred_at": at, "effective_at": at, "source": "web"}
    if event["type"] == "identify":
        return History(contact_details=[{**common, "email": event["traits"]["email"]}])
    said = {"channel": "email", "topic": TOPIC, "status": SAID[event["properties"]["action"]]}
    return History(consent_statements=[{**common, **said}])


@pytest.mark.parametrize("case", OF_SUBSCRIPTIONS, ids=lambda case: case["description"])
def test_who_may_be_written_to_is_as_the_case_has_it(
    make_profiles: Callable[[], Profiles], case: dict[str, Any]
) -> None:
    profiles = make_profiles()
    decided_until = moment(case["start"]) - timedelta(days=1)
    for step in case["steps"]:
        if step["type"] == "SubmitEvents":
            for event in step["events"]:
                profiles.learn(learned(event))
        elif step["type"] == "ComputeProperties":
            profiles.tick([Window(decided_until, moment(step["at"]))])
            decided_until = moment(step["at"])
        elif step["type"] == "Assert":
            [(may_be,)] = profiles.rows(
                "select is_reachable and is_consented from eligibility.eligibility "
                f"where contact_id = 1 and channel = 'email' and topic = '{TOPIC}'"
            )
            assert may_be == all(step["users"][0]["subscriptions"].values()), step["description"]
