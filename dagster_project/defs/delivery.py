"""The outbox, and what the channels make of it."""

from collections.abc import Iterator

import dagster as dg

from activations.channels.registry import CHANNELS
from activations.delivery.account import PARTS, DeliveryAccount
from activations.delivery.delivery import TEMPLATES, DeliveryStoppedError
from activations.holds.hold import standing_holds
from activations.settings.environment import open_profile
from dagster_project.deliver import deliver_outbox
from dagster_project.freshness import HOURLY
from dagster_project.home import Home
from dagster_project.outbox import outbox_folder
from dagster_project.ticks.interrupted import finish
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.tick import send_off
from dagster_project.ticks.tick_run import window_of
from dagster_project.warehouse import open_warehouse

CHECK = "gate_out"
OWNERS = ["engine@shop.example"]


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["outbox", channel],
            group_name="outbox",
            description=f"What leaves by {channel}, as a file for each tick.",
            kinds={"parquet"},
            owners=OWNERS,
            freshness_policy=HOURLY,
            deps=[["decisions", "outbox"]],
        )
        for channel in CHANNELS
    ],
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=["outbox", channel],
            description="Great Expectations and the volume breaker over what is about to leave; what fails is held.",
        )
        for channel in CHANNELS
    ],
    pool="warehouse",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
)
def outbox_files(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Write the tick's decisions as files, so that delivery need not open the warehouse; what fails is held."""
    home = Home.from_environment()
    window = window_of(context)
    with tick_lock(home):
        counts = send_off(home, window)
        with open_warehouse(home) as connection:
            finish(connection)
    holds = [hold for hold in standing_holds(home.outbox, TEMPLATES) if hold.about.tick_end == window.end]
    for channel in CHANNELS:
        held = {hold.about.workflow: hold for hold in holds if channel in hold.about.channels}
        yield dg.MaterializeResult(
            asset_key=["outbox", channel],
            metadata={
                "actions": counts.get(channel, 0),
                "held": sum(hold.about.channels[channel] for hold in held.values()),
                "folder": dg.MetadataValue.path(str(outbox_folder(home.outbox, window.end))),
            },
            check_results=[
                dg.AssetCheckResult(
                    asset_key=["outbox", channel],
                    check_name=CHECK,
                    passed=not held,
                    # the others go on, and a person decides
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={name: "; ".join(hold.reasons) for name, hold in held.items()},
                )
            ],
        )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["delivery", channel],
            group_name="delivery",
            description=f"What became of the actions that left by {channel}. The outcomes land for the next tick.",
            kinds={"python", channel},
            owners=OWNERS,
            freshness_policy=HOURLY,
            deps=[["outbox", channel]],
        )
        for channel in CHANNELS
    ],
    pool="delivery",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
)
def delivered(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Deliver what is due; the journal sees to it that no action is delivered twice, however often this runs."""
    home = Home.from_environment()
    with open_profile(home.sandbox) as profile:
        try:
            account = deliver_outbox(home, profile)
        except DeliveryStoppedError as stopped:
            context.log.error(f"Not all could be delivered: {stopped}. The rest was: {_parts(stopped.account)}")
            raise
    for channel in CHANNELS:
        parts = account.by_channel.get(channel, {})
        yield dg.MaterializeResult(
            asset_key=["delivery", channel],
            metadata={"actions": parts.get("actions", 0), **{part: parts.get(part, 0) for part in PARTS}},
        )


def _parts(account: DeliveryAccount) -> dict[str, int]:
    return {part: getattr(account, part) for part in PARTS}
