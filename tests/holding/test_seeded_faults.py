"""Bad data stops messages, not marts: each of twelve faults holds its own workflow and names the row."""

import shutil
from pathlib import Path

import pytest
from shop_history import NEXT, ShopHistory

from dagster_project.home import Home
from dagster_project.publish import publish
from dagster_project.warehouse import open_warehouse

FLOW = "abandoned_cart"
FAULTS = {
    "no address": "address = null",
    "not an address of its channel": "address = 'ann at mail.example'",
    "a template that is not there": "template = 'cart_remainder'",
    "a step that is not registered": "step = 'remainder'",
    "a topic that is not registered": "topic = 'offer', topic_kind = 'promotional'",
    "passed off as another kind of topic": "topic_kind = 'transactional'",
    "too late to be sent": "expires_at = tick_end - interval '1 hour'",
    "or to be sent before its tick": "send_after = tick_end - interval '1 day'",
    "held out, or never reached the step": "enrollment_id = -7",
    "no consent": "contact_id = -7",
    "an action without a number": "action_id = null",
    "a change to somebody else": "kind = 'update_crm', address = 'somebody else'",
}


@pytest.fixture(scope="module")
def decided(shop_history: ShopHistory, tmp_path_factory: pytest.TempPathFactory) -> ShopHistory:
    """The tick, decided; copy it."""
    history = shop_history.copy(tmp_path_factory.mktemp("decided") / "home")
    history.decide()
    return history


@pytest.mark.parametrize("reason", FAULTS)
def test_a_fault_holds_its_own_workflow_and_no_mart(decided: ShopHistory, tmp_path: Path, reason: str) -> None:
    shutil.copytree(decided.home.root, tmp_path / "home", symlinks=True)
    history = ShopHistory(Home(tmp_path / "home"), decided.statements)
    with open_warehouse(history.home) as connection:
        (number,) = connection.execute(
            "select min(action_id) from decisions.outbox where tick_end = ? and workflow = ?", [NEXT.end, FLOW]
        ).fetchall()[0]
        connection.execute(f"update decisions.outbox set {FAULTS[reason]} where action_id = ?", [number])
    history.leave()
    holds = history.holds()
    assert set(holds) == {FLOW}
    told = next(each for each in holds[FLOW].reasons if reason in each)
    if "action_id" not in FAULTS[reason]:
        assert f"as action {number}" in told
    with open_warehouse(history.home) as connection:
        published = publish(connection, history.home.published)
    assert len(published) > 10
    others = sum(actions for workflow, actions in history.decided().items() if workflow != FLOW)
    account = history.deliver()
    assert history.visible() == set(history.decided()) - {FLOW}
    assert account.accepted == history.received() == others > 0


def test_there_are_twelve() -> None:
    assert len(FAULTS) == 12
