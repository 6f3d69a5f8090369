"""What is said in calls, and an index to search it."""

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQLITE = (
    "CREATE VIRTUAL TABLE words_search USING fts5("
    "text, content='call_words', content_rowid='call_number', "
    "tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER call_words_added AFTER INSERT ON call_words BEGIN "
    "INSERT INTO words_search(rowid, text) VALUES (new.call_number, new.text); END",
    "CREATE TRIGGER call_words_deleted AFTER DELETE ON call_words BEGIN "
    "INSERT INTO words_search(words_search, rowid, text) "
    "VALUES ('delete', old.call_number, old.text); END",
    "CREATE TRIGGER call_words_changed AFTER UPDATE OF text ON call_words BEGIN "
    "INSERT INTO words_search(words_search, rowid, text) "
    "VALUES ('delete', old.call_number, old.text); "
    "INSERT INTO words_search(rowid, text) VALUES (new.call_number, new.text); END",
)


def upgrade() -> None:
    """Make the table and what it is searched by."""
    op.create_table(
        "call_words",
        sa.Column("call_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer_channel", sa.String(length=10), nullable=False),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_call_words_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_number", name=op.f("pk_call_words")),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in _SQLITE:
            op.execute(statement)
        return
    op.create_index(
        "ix_call_words_text",
        "call_words",
        [sa.text("to_tsvector('simple', text)")],
        postgresql_using="gin",
    )


def downgrade() -> None:
    """Drop them again; triggers and indexes go with the table."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE words_search")
    op.drop_table("call_words")
