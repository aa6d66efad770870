"""What the steps of a preview do, as it would read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from activations.delivery.outbox import Action
from activations.holds.sample import Sample, sample_of
from dagster_project.preview.branches import variants
from dagster_project.preview.found import Shown, Verdict
from dagster_project.preview.travel import Travel, inserted_query
from dagster_project.ticks.statements import Statement

_MESSAGES = ("send", "notify")


@dataclass(frozen=True)
class Showing:
    """Renders what the steps do."""

    profile: Mapping[str, Any]
    tick_end: datetime
    templates: Path
    verdicts: Mapping[tuple[str, int], Sequence[Verdict]]
    address_types: Mapping[str, str]
    """By channel: what it needs to reach somebody."""

    def all(
        self, connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], travel: Travel
    ) -> dict[tuple[str, int], Shown]:
        """By step and enrollment: the candidates of the decisions' own model, as they would come to the gate."""
        (candidates,) = (one for one in statements if one.model == "candidates")
        for sql in candidates.sql:
            connection.execute(sql)
        found = connection.execute(
            f"select * from {candidates.table} where tick_end = ? and workflow = ?", [self.tick_end, travel.workflow]
        )
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        return {
            (row["step"], row["enrollment_id"]): self._shown(
                row, variants(inserted_query(travel.statements[row["step"]]))
            )
            for row in rows
            if (row["step"], row["enrollment_id"]) in travel.reached
        }

    def _shown(self, row: Mapping[str, Any], other_variants: Sequence[str]) -> Shown:
        channels = tuple(row["channels"])
        is_message = row["kind"] in _MESSAGES
        samples: list[tuple[str | None, Sample]] = []
        if is_message:
            own = self._action(row, channels[0])
            named = [own.variant, *(variant for variant in other_variants if variant != own.variant)]
            samples = [
                (variant, sample_of(own._replace(variant=variant), self.templates, own.tick_end)) for variant in named
            ]
        return Shown(
            row["kind"],
            channels,
            row["topic"],
            "" if is_message else str(row["context"]),
            samples,
            self.verdicts.get((row["step"], row["enrollment_id"]), ()),
        )

    def _action(self, row: Mapping[str, Any], channel: str) -> Action:
        given = {
            name: self.profile.get(name) for name in ("user_id", "email", "phone", "first_name", "last_name", "country")
        }
        made = {
            "channel": channel,
            "address": self._address(row["kind"], channel),
            "locale": self.profile.get("locale"),
            "timezone": self.profile.get("timezone"),
            "profile": json.dumps(given),
            # when it would leave at the earliest
            "tick_end": row["reached_at"],
            "send_after": None,
        }
        columns: dict[str, Any] = {name: made.get(name, row.get(name)) for name in Action._fields}
        return Action(**columns)

    def _address(self, kind: str, channel: str) -> str | None:
        """As the outbox has it."""
        address_type = self.address_types.get(channel)
        if kind != "send" or address_type == "contact":
            return str(self.profile["contact_id"])
        if address_type in ("email", "phone"):
            return self.profile.get(address_type)
        found = json.loads(self.profile.get("properties") or "{}").get(address_type)
        return found if found is None or isinstance(found, str) else json.dumps(found, separators=(",", ":"))


def address_types_of(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By channel, as channels.csv says."""
    return dict(connection.execute("select channel, address_type from configuration.channels").fetchall())
