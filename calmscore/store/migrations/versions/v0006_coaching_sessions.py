"""Coaching sessions and their playlists."""

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "coaching_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=True),
        sa.Column("agreed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coaching_sessions")),
    )
    op.create_index("ix_coaching_sessions_agent", "coaching_sessions", ["agent"])
    op.create_table(
        "coaching_items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("at_seconds", sa.Double(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["coaching_sessions.id"],
            name=op.f("fk_coaching_items_session_id_coaching_sessions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_coaching_items_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coaching_items")),
    )
    op.create_index("ix_coaching_items_session_id", "coaching_items", ["session_id"])
    op.create_index("ix_coaching_items_call_number", "coaching_items", ["call_number"])


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("coaching_items")
    op.drop_table("coaching_sessions")
