"""Sessions that are shared with their agent, what both say of them, and scores set aside."""

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEXED = ("session_id", "call_number", "reply_to")


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column("coaching_sessions", sa.Column("shared_at", UtcDateTime(), nullable=True))
    op.add_column("coaching_sessions", sa.Column("shared_by", sa.String(200), nullable=True))
    op.create_table(
        "coaching_remarks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("reply_to", sa.Integer(), nullable=True),
        sa.Column("decision", sa.String(length=20), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["coaching_sessions.id"],
            name=op.f("fk_coaching_remarks_session_id_coaching_sessions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_coaching_remarks_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["reply_to"],
            ["coaching_remarks.id"],
            name=op.f("fk_coaching_remarks_reply_to_coaching_remarks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coaching_remarks")),
    )
    for column in _INDEXED:
        op.create_index(f"ix_coaching_remarks_{column}", "coaching_remarks", [column])
    op.create_table(
        "set_aside_scores",
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_set_aside_scores_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_number", name=op.f("pk_set_aside_scores")),
    )


def downgrade() -> None:
    """Remove the tables and the columns."""
    op.drop_table("set_aside_scores")
    op.drop_table("coaching_remarks")
    for name in ("shared_by", "shared_at"):
        op.drop_column("coaching_sessions", name)
