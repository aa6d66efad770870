"""How a preview is put into words, the same in the terminal and on the page."""

from datetime import datetime, timedelta

from dagster_project.preview.branches import AWAITED
from dagster_project.preview.found import Shown, Stop
from dagster_project.preview.invented import LISTS

ABOUT_GATES = (
    "Both gates were asked hour by hour along each way, as matters stand now: what the contact does meanwhile, and "
    "what other workflows will send them, nobody knows. How many go out at once is no question of one contact: the "
    "breaker of volume is asked by the tick, and hourbell forecast says how many they would be."
)
IDLE = "nothing is done for this contact here"


def wait_of(stop: Stop) -> str:
    """How long after the step before."""
    return f"after {duration(stop.wait)}" if stop.wait else "at once"


def duration(span: timedelta) -> str:
    """Such as 2 days 3 h."""
    minutes = round(span.total_seconds() / 60)
    days, hours = divmod(minutes // 60, 24)
    parts = [f"{days} day{'s' if days > 1 else ''}" if days else "", f"{hours} h" if hours else ""]
    return " ".join(part for part in [*parts, f"{minutes % 60} min" if minutes % 60 else ""] if part) or "moments"


def moment(at: datetime) -> str:
    return f"{at:%a %Y-%m-%d %H:%M} UTC"


def difference_of(stop: Stop) -> str:
    """What the contact would have to have for this way; empty where it is their own, or parted further up."""
    told = ", ".join(
        f"{'what is waited for on' if name == AWAITED else name} {_plain(value)}"
        for name, value in stop.different.items()
        if name not in ("reached_at", *LISTS)
    )
    if stop.is_forced:
        by_force = "put on this way: what a contact carries does not tell who goes it"
        return f"{by_force}; made up: {told}" if told else by_force
    return f"with {told}" if told else ""


def action_of(shown: Shown | None) -> str:
    """What is done in a line."""
    if shown is None:
        return ""
    by = ", else ".join(shown.channels)
    if shown.kind == "send":
        return f"{shown.samples[0][1].template} by {by}, about {shown.topic}"
    return f"{shown.kind} by {by}"


def _plain(sql: str) -> str:
    """A value without the SQL around it."""
    inner = sql.removeprefix("cast(").partition(" as ")[0] if sql.startswith("cast(") else sql
    plain = inner.removeprefix("timestamp ").removeprefix("date ").strip("'")
    return "unknown" if plain == "null" else plain
