"""Delivery of what ticks have decided, and the way of its outcomes back into landing."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from activations.delivery.account import DeliveryAccount, Progress
from activations.delivery.delivery import deliver
from activations.delivery.dry_run import DryRun, dry_run
from activations.settings.profile import Profile
from dagster_project.home import Home
from dagster_project.landing.load import load


def utc_now() -> datetime:
    """The time of this machine's clock, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def deliver_outbox(
    home: Home,
    profile: Profile,
    now: datetime | Callable[[], datetime] = utc_now,
    progress: Progress | None = None,
    processes: int | None = None,
) -> DeliveryAccount:
    """Deliver what is due by `now` (naive UTC), and land what became of it. Errors as those of `deliver`."""
    moment = now if callable(now) else lambda: now

    def land(spool: Path) -> None:
        load(spool, home.landing, moment())

    return deliver(
        home.outbox,
        home.journal_url,
        spool=home.spool,
        profile=profile,
        now=now,
        land=land,
        progress=progress,
        processes=processes,
    )


def dry_run_outbox(home: Home, profile: Profile, now: datetime) -> DryRun:
    """Say what a delivery at `now` (naive UTC) would send; nothing is sent or written."""
    return dry_run(home.outbox, home.journal_url, spool=home.spool, profile=profile, now=now)
