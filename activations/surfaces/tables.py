"""The tables of the surfaces: the inbox of the app, where short links lead, and what is dropped as files."""

import sqlalchemy as sa

METADATA = sa.MetaData()
IN_APP = sa.Table(
    "in_app_messages",
    METADATA,
    # delivered twice is there once
    sa.Column("action_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("contact_id", sa.BigInteger, nullable=False),
    sa.Column("user_id", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("link", sa.Text),
    # by whom and what engagement is told back: JSON
    sa.Column("identifier", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("sent_at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime, nullable=False),
    # no earlier, so that the key holds for as long as the action may be delivered
    sa.Column("removed_after", sa.DateTime, nullable=False),
    sa.Column("read_at", sa.DateTime),
    sa.Column("clicked_at", sa.DateTime),
    sa.Column("dismissed_at", sa.DateTime),
    sa.Index("in_app_by_contact", "contact_id"),
    sa.Index("in_app_by_user", "user_id"),
    sa.Index("in_app_removed_after", "removed_after"),
)
SHORT_LINKS = sa.Table(
    "short_links",
    METADATA,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("action_id", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    # who got the message
    sa.Column("identifier", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("removed_after", sa.DateTime, nullable=False),
    sa.Index("short_links_by_action", "action_id"),
    sa.Index("short_links_by_value", "value"),
    sa.Index("short_links_removed_after", "removed_after"),
)
STANDINGS = sa.Table(
    "standings",
    METADATA,
    # keyed hashes: the table alone tells nobody's name, address or choice
    sa.Column("contact", sa.LargeBinary, primary_key=True),
    sa.Column("known_by", sa.LargeBinary, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("as_of", sa.DateTime, nullable=False),
    sa.Column("removed_after", sa.DateTime, nullable=False),
    sa.Index("standings_by_identifiers", "known_by"),
    sa.Index("standings_removed_after", "removed_after"),
)
DROP_FILES = sa.Table(
    "drop_files",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("drop_name", sa.Text, nullable=False),
    # what it holds, until it is there
    sa.Column("content", sa.LargeBinary),
    sa.Column("manifest", sa.LargeBinary),
    sa.Column("signature", sa.LargeBinary),
    sa.Column("staged_at", sa.DateTime, nullable=False),
    sa.Column("signing_at", sa.DateTime),
    sa.Column("dropped_at", sa.DateTime),
)
DROP_ROWS = sa.Table(
    "drop_rows",
    METADATA,
    # no action is in two files
    sa.Column("action_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Index("drop_rows_by_name", "name"),
)
