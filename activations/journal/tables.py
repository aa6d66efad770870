"""The tables of the journal."""

from typing import Any

import sqlalchemy as sa

CLAIMED = "claimed"
CLAIM_COLUMNS = (
    "action_id", "channel", "tick_end", "workflow", "step", "provider", "message_id", "attempts", "claimed_at",
)  # fmt: skip
AIM_COLUMNS = ("action_id", "target", "as_of")
SETTLED_COLUMNS = ("action_id", "status", "reason", "provider_message_id", "attempts", "settled_at")


def _only(condition: sa.TextClause) -> dict[str, Any]:
    """The rows that a partial index covers."""
    return {"sqlite_where": condition, "postgresql_where": condition}


# in the words of the index, or SQLite would not see that it covers what is asked for, and read the whole journal
UNWRITTEN = sa.text("not outcome_written")
METADATA = sa.MetaData()
JOURNAL = sa.Table(
    "journal",
    METADATA,
    sa.Column("action_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("tick_end", sa.DateTime, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("provider_message_id", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("claimed_by", sa.Text, nullable=False),
    sa.Column("claimed_at", sa.DateTime, nullable=False),
    sa.Column("settled_at", sa.DateTime),
    sa.Column("outcome_written", sa.Boolean, nullable=False, default=False),
    sa.Index("journal_claimed", "claimed_by", **_only(sa.text("status = 'claimed'"))),
    sa.Index("journal_unwritten", "action_id", **_only(UNWRITTEN)),
)
FINISHED = sa.Table(
    "finished_files",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("actions", sa.BigInteger, nullable=False),
)
AIMS = sa.Table(
    "aims",
    METADATA,
    sa.Column("action_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("as_of", sa.DateTime, nullable=False),
    sa.Index("aims_target", "target"),
)
PAUSES = sa.Table(
    "pauses",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("paused_at", sa.DateTime, nullable=False),
)
READ = sa.Table(
    "receipts_read",
    METADATA,
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
