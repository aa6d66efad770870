"""Every scenario of the files beside this one, played in one shop."""

import pytest
from story import Scenario
from story_world import Played, play, scenarios

SCENARIOS = scenarios()


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


def test_the_first_tick_of_a_changed_workflow_is_the_same_again(played: Played) -> None:
    once, again = played.changed_tick
    assert all(once)
    assert once == again
