"""What becomes of actions that are held: what was dropped ends as rejected, and what has come too late as expired."""

from collections.abc import Iterable
from datetime import datetime

from activations.delivery.account import Tally
from activations.delivery.outbox import Action, OutboxFile, count_actions, read_actions
from activations.errors import HourbellError
from activations.holds.hold import Hold
from activations.journal.journal import Journal
from activations.journal.rows import Settled, Settlement

GATE = "gate out"
_BATCH = 5_000


def settle_holds(holds: Iterable[Hold], journal: Journal, *, now: datetime, tally: Tally) -> list[str]:
    """Settle what is dropped or too late of holds that are not released; returns what was wrong with files.

    Nothing is called for: no channel is opened.
    """
    finished = journal.finished_files()
    # a claim of a dead deliverer that called a provider is found out about by its channel
    called = {row.action_id for row in journal.in_doubt() if row.provider != GATE}
    problems = []
    for hold in holds:
        for file in hold.files if hold.standing in ("held", "dropped") else ():
            fingerprint, actions = finished.get(file.name, ("", 0))
            if fingerprint == file.fingerprint:
                tally.finished_earlier(file.channel, actions)
                continue
            try:
                _settle_file(hold, file, called, journal, now, tally)
            except HourbellError as error:
                problems.append(str(error))
    return problems


def note_settled(holds: Iterable[Hold], journal: Journal) -> None:
    """Note which holds have nothing left that could be sent."""
    open_holds = [hold for hold in holds if hold.standing != "settled"]
    finished = (
        {(name, fingerprint) for name, (fingerprint, _) in journal.finished_files().items()} if open_holds else ()
    )
    for hold in open_holds:
        if all((file.name, file.fingerprint) in finished for file in hold.files):
            hold.settle()


def _settle_file(hold: Hold, file: OutboxFile, called: set[int], journal: Journal, now: datetime, tally: Tally) -> None:
    actions = count_actions(file)
    tally.expect(file.channel, actions)
    waiting = f"held by the gate out ({hold}); `hourbell release` shows why"
    first = hold.about.first_expires_at
    if hold.standing == "held" and first is not None and first > now:
        tally.count(file.channel, "waiting", actions, waiting)
        return
    left = 0
    for batch in read_actions(file, _BATCH):
        over = [action for action in batch if action.action_id not in called and _ending(hold, action, now)]
        left += len(batch) - len(over)
        if len(over) < len(batch):
            tally.count(file.channel, "waiting", len(batch) - len(over), waiting)
        claims = journal.claim(
            over, {action.action_id: str(action.action_id) for action in over}, provider=GATE, now=now
        )
        tally.count(file.channel, "already_settled", claims.settled)
        tally.count(file.channel, "held", claims.held)
        for pause, number in claims.paused.items():
            tally.count(file.channel, "paused", number, pause)
        left += claims.held + sum(claims.paused.values())
        settlements = []
        for claim in claims.ours:
            status, reason = _ending(hold, claim.action, now) or ("rejected", "")
            settlements.append(Settlement(claim.action.action_id, status, reason))
            tally.count(file.channel, status, reason=reason)
        journal.settle(settlements, now=now)
    if not left:
        journal.file_finished(file, actions)


def _ending(hold: Hold, action: Action, now: datetime) -> tuple[Settled, str] | None:
    if hold.standing == "dropped":
        return "rejected", str(hold.decision)
    if action.expires_at is not None and action.expires_at <= now:
        return "expired", f"was held, and to be sent before {action.expires_at:%Y-%m-%d %H:%M} UTC"
    return None
