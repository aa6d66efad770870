"""Deliver the outbox, the channels side by side.

Whatever happens in between, an action is sent once at most and none is forgotten: what was claimed and not recorded is
found out about by the next delivery.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from activations.channels.face import Channel, Setting
from activations.channels.registry import CHANNELS
from activations.delivery.account import DeliveryAccount, Progress, Tally
from activations.delivery.garbage import rarely_collected
from activations.delivery.outbox import OutboxFile, outbox_files
from activations.delivery.outcomes import ROWS_A_FILE, OwnOutcomes, write_outcomes
from activations.delivery.patience import Patience
from activations.delivery.processes import Errand, deliver_with_processes, run, worthwhile_processes
from activations.delivery.side_by_side import deliver_files, waiting_files
from activations.errors import HourbellError
from activations.holds.hold import Hold, holds_of
from activations.holds.settle import note_settled, settle_holds
from activations.journal.journal import open_journal
from activations.journal.receipts import receipts_folder
from activations.settings.profile import Profile
from activations.spool import land_spool

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
PATIENCE = Patience()


class DeliveryStoppedError(HourbellError):
    """Something could not be delivered; all the rest was. `account` says how far it came, and nothing was lost."""

    def __init__(self, message: str, account: DeliveryAccount) -> None:
        super().__init__(message)
        self.account = account


def deliver(
    outbox: Path,
    journal_url: str,
    *,
    spool: Path,
    profile: Profile,
    now: datetime | Callable[[], datetime],
    land: Callable[[Path], object] | None = None,
    templates: Path = TEMPLATES,
    channels: Mapping[str, Callable[[Setting], Channel]] = CHANNELS,
    patience: Patience = PATIENCE,
    progress: Progress | None = None,
    receipts: Path | None = None,
    processes: int | None = 1,
) -> DeliveryAccount:
    """Deliver what is due in the outbox, and say what became of every action in it.

    `now` is naive UTC. Outcomes go to the spool as files for landing; `land` is then called with the spool, and what it
    has landed is removed from there. Several deliveries may run at once. `receipts` is the folder of receipts where the
    journal is on a server; else they are beside its file. With several `processes`, `profile`, `now`, `channels` and
    `patience` are handed to each, so that they must be such as can be; None is as many as what waits is worth.

    Raises HourbellError where the journal or the spool cannot be used, and DeliveryStoppedError, after all that could
    be done was done, where a channel or a file could not.
    """
    started = time.monotonic()
    noted = receipts_folder(journal_url, receipts or default_receipts(spool))
    errand = Errand(journal_url, noted, profile, now, spool, templates, channels, patience, ROWS_A_FILE)
    setting = errand.setting
    tally = Tally(progress)
    with open_journal(journal_url, noted) as journal:
        outcomes = OwnOutcomes(journal, spool, ROWS_A_FILE)
        holds = holds_of(outbox, templates)
        files = deliverable(outbox, holds)
        problems = settle_holds(holds, journal, now=setting.now(), tally=tally)
        with rarely_collected():
            processes = processes or worthwhile_processes(waiting_files(files, journal, Tally())[0])
            if processes > 1:
                problems += deliver_with_processes(processes, files, journal, errand, tally, outcomes)
            else:
                problems += run(deliver_files(files, journal, setting, channels, patience, tally, outcomes))
            note_settled(holds, journal)
            written = outcomes.written + write_outcomes(journal, spool)
    if land is not None:
        land_spool(spool, land)
    account = tally.account(outcomes_written=written, seconds=time.monotonic() - started)
    if problems:
        raise DeliveryStoppedError("\n".join(problems), account)
    return account


def default_receipts(spool: Path) -> Path:
    """Where the receipts are if the journal is on a server and no folder is named."""
    return spool.parent / "journal" / "receipts"


def deliverable(outbox: Path, holds: Iterable[Hold]) -> list[OutboxFile]:
    """The files that may be sent: those of the outbox, and of what was held and is released."""
    return [*outbox_files(outbox), *(file for hold in holds if hold.standing == "released" for file in hold.files)]
