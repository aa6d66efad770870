"""The tables of the journal."""

import sqlalchemy as sa

CLAIMED = "claimed"
CLAIM_COLUMNS = (
    "action_id", "channel", "tick_end", "workflow", "step", "provider", "message_id", "attempts", "claimed_at",
)  # fmt: skip
AIM_COLUMNS = ("action_id", "target", "as_of")
SETTLED_COLUMNS = ("action_id", "status", "reason", "provider_message_id", "attempts", "settled_at")

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
)
# a table beside it, as an index would be written anew with every turn of a row
OPEN = sa.Table(
    "open_actions",
    METADATA,
    # in SQLite the row's own number, so that nothing but the action is kept
    sa.Column("action_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
)
"""Actions that are under way, or whose outcome is in no file yet: each delivery asks for them, and finds them whatever
the length of the journal."""
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
