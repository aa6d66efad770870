"""Every scenario of the files beside this one, played in one shop."""

import re
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from story import Scenario, shown_elsewhere, threads
from story_world import CHANGED_AT, Played, play, scenarios
from surface import Surface

SCENARIOS = scenarios()
REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY.parent / "shared" / "semantics.md"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(SCENARIOS, tmp_path_factory.mktemp("scenarios"))


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            scenario,
            id=scenario.title,
            marks=[pytest.mark.xfail(strict=True, reason=scenario.fails_because)] if scenario.fails_because else [],
        )
        for scenario in SCENARIOS
    ],
)
def test_scenario(played: Played, scenario: Scenario) -> None:
    expected = sorted(line for line in scenario.expected if not line.startswith("nobody"))
    assert played.of(scenario) == expected


@pytest.mark.parametrize("told", shown_elsewhere(), ids=lambda told: told["scenario"])
def test_what_is_shown_elsewhere_is_shown_there(told: Mapping[str, Any]) -> None:
    assert told["rule"]
    file, _, name = told["shown by"].partition("::")
    assert re.search(rf"^def {name}\(", (REPOSITORY / file).read_text(), re.MULTILINE)


@pytest.mark.skipif(not RULES.exists(), reason=f"{RULES} is missing")
def test_each_thread_of_the_rules_has_a_scenario() -> None:
    cited = set()
    for passage in re.findall(r"\[([a-z]+#\d[^\]]*)\]", RULES.read_text()):
        system = ""
        for named, number in re.findall(r"([a-z]*)#(\d+)", passage):
            system = named or system
            cited.add(f"{system}#{number}")
    assert len(cited) > 20
    assert cited - threads() == set()


def test_the_first_tick_of_a_changed_workflow_is_the_same_again(played: Played) -> None:
    once, again = played.changed_tick
    assert all(once)
    assert once == again


def test_only_reentry_after_exit_depends_on_where_ticks_end(played: Played) -> None:
    assert played.looking_at_ticks == {"encore__entered"}


def test_a_message_in_the_app_is_shown_to_that_contact_alone(played: Played, surface: Surface) -> None:
    """From the step through the gate, the outbox and delivery to whoever asks the collector."""
    (story,) = [one for one in SCENARIOS if one.title.startswith("A message in the app asks")]
    for path in played.outbox.glob("tick=*/*.parquet"):
        if path.stem in ("in_app", "web"):
            folder = surface.place.outbox / path.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)
    # a little later than the tick: what leaves is spread by the rate
    surface.now = CHANGED_AT + timedelta(hours=10)
    assert surface.deliver().accepted == 3
    asks = {name: surface.as_user(person.user_id) for name, person in story.people.items()}
    inboxes = {name: client.get("/v1/in-app/messages").json["messages"] for name, client in asks.items()}
    assert [message["title"] for message in inboxes.pop("Anna")] == ["Still on your mind?"]
    assert inboxes == {"Berta": [], "Carla": []}
    heroes = {name: client.get("/v1/decisions/slots").json["slots"]["hero"] for name, client in asks.items()}
    seen = {name: hero["content"]["headline"] for name, hero in heroes.items()}
    assert seen == {"Anna": "Still on your mind?", "Berta": "Still on your mind?", "Carla": "New in the shop"}
    assert surface.as_contact(story.people["Anna"].contact_id).get("/v1/in-app/messages").json["unread"] == 1
