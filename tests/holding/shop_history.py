"""What the tests of the gate out share: the next tick of a shop, decided as it should be or by a broken step."""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import outbox_files, read_actions
from activations.holds.approvals import approve
from activations.holds.hold import Hold, standing_holds
from activations.sandbox.store import messages
from activations.settings.environment import open_profile
from dagster_project.deliver import deliver_outbox
from dagster_project.gate_out.leave import leave
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.ticks.statements import Statement, replay_tick
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

DAY = timedelta(days=1)
NEXT = Window(datetime(2026, 3, 13, 12), datetime(2026, 3, 13, 18))
NOW = NEXT.end + timedelta(minutes=5)

_OF_THE_PREVIOUS = (
    "and (previous.reached_at >= cast(getvariable('tick_start') as timestamp) - interval '7 days' "
    "and previous.reached_at < cast(getvariable('tick_end') as timestamp) - interval '7 days')"
)
_OF_THE_ARRIVAL = (
    "(arrives_at >= cast(getvariable('tick_start') as timestamp) "
    "and arrives_at < cast(getvariable('tick_end') as timestamp))"
)
_DUE_AT = "previous.reached_at + interval '7 days' as arrives_at"
_NOW = "cast(getvariable('tick_start') as timestamp) as arrives_at"


@dataclass(frozen=True)
class ShopHistory:
    """A shop whose next tick has not run, and what a tick does."""

    home: Home
    statements: Sequence[Statement]

    def copy(self, root: Path, approved: Collection[str] | None = None) -> "ShopHistory":
        """Another of the same, in which some workflows (by default all) have been released before."""
        shutil.copytree(self.home.root, root)
        home = Home(root)
        for workflow in registered_workflows() if approved is None else approved:
            approve(home.outbox, workflow, by="ann", at=NEXT.start)
        return ShopHistory(home, self.statements)

    def changed(self, model: str, *changes: tuple[str, str]) -> "ShopHistory":
        """The same with other SQL in a model; each change must be one."""
        statements = []
        for known in self.statements:
            sql = "\n;\n".join(known.sql)
            for old, new in changes if known.model == model else ():
                assert old in sql, f"{model} does not say {old!r}"
                sql = sql.replace(old, new)
            statements.append(known.saying(sql.split("\n;\n")))
        return ShopHistory(self.home, statements)

    def without_its_window(self, *, says_now: bool) -> "ShopHistory":
        """The tips after a purchase go to everybody who ever was thanked; with `says_now`, as if they were due now."""
        changes = [(_OF_THE_PREVIOUS, ""), (_OF_THE_ARRIVAL, "true")]
        return self.changed("post_purchase__tips", *changes, *([(_DUE_AT, _NOW)] if says_now else []))

    def decide(self) -> None:
        """Run the next tick up to its decisions."""
        with open_warehouse(self.home) as connection:
            connection.execute("set threads = 1")
            replay_tick(connection, self.statements, NEXT)

    def leave(self, templates: Path = TEMPLATES) -> dict[str, int]:
        """Let what was decided leave, through the gate out."""
        with open_warehouse(self.home) as connection:
            return leave(connection, self.home, NEXT, templates=templates)

    def decided(self) -> dict[str, int]:
        """The actions of that tick by workflow."""
        with open_warehouse(self.home, read_only=True) as connection:
            return dict(
                connection.execute(
                    "select workflow, count(*) from decisions.outbox where tick_end = ? group by workflow",
                    [NEXT.end],
                ).fetchall()
            )

    def holds(self) -> dict[str, Hold]:
        """What waits for a person, by workflow."""
        return {hold.about.workflow: hold for hold in standing_holds(self.home.outbox, TEMPLATES)}

    def visible(self) -> set[str]:
        """The workflows with actions that delivery can see."""
        return {
            action.workflow
            for file in outbox_files(self.home.outbox)
            for batch in read_actions(file, 1_000)
            for action in batch
        }

    def deliver(self) -> DeliveryAccount:
        """Deliver to the sandbox what may go."""
        with open_profile(self.home.sandbox, {}, now=lambda: NOW) as profile:
            return deliver_outbox(self.home, profile, NOW)

    def received(self) -> int:
        """How many messages the sandbox has."""
        return len(list(messages(self.home.sandbox)))
