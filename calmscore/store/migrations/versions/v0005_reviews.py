"""Who listens to which call, and how sure its score is."""

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NEW_COLUMNS = ("score_low", "score_high", "doubt")


def upgrade() -> None:
    """Add the table and the columns; the reports that are here fill them."""
    for name in _NEW_COLUMNS:
        op.add_column("calls", sa.Column(name, sa.Double(), nullable=True))
    op.create_table(
        "reviews",
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reviewer", sa.String(length=200), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("skipped_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_reviews_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_number", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_status", "reviews", ["status"])
    calls = sa.table("calls", sa.column("report_id"), *map(sa.column, _NEW_COLUMNS))
    reports = sa.table("reports", sa.column("id"), sa.column("document", sa.JSON()))
    document = reports.c.document

    def told(part: str, name: str) -> sa.ScalarSelect[float]:
        query = sa.select(document[part][name].as_float())
        return query.where(reports.c.id == calls.c.report_id).scalar_subquery()

    op.execute(
        sa.update(calls).values(
            score_low=told("score", "low"),
            score_high=told("score", "high"),
            doubt=told("speakers", "doubt"),
        )
    )


def downgrade() -> None:
    """Remove the table and the columns."""
    op.drop_table("reviews")
    for name in _NEW_COLUMNS:
        op.drop_column("calls", name)
