"""Leases of jobs, and what is known of the installation itself."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column("owner", sa.String(length=60), nullable=True),
    sa.Column("lease_until", UtcDateTime(), nullable=True),
    sa.Column("not_before", UtcDateTime(), nullable=True),
    sa.Column("starts", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("setbacks", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("taken", sa.String(length=10), nullable=True),
)


def upgrade() -> None:
    """Add what several services need to share a queue."""
    for column in _COLUMNS:
        op.add_column("jobs", column.copy())
    # Without a lease nobody would take them up again.
    op.execute("UPDATE jobs SET state = 'queued' WHERE kind = 'call' AND state = 'running'")
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("folder_id", sa.String(length=32), nullable=True),
        sa.Column("clock_seen_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.execute("INSERT INTO installation (id) VALUES (1)")


def downgrade() -> None:
    """Remove it again."""
    op.drop_table("installation")
    with op.batch_alter_table("jobs") as jobs:
        for column in _COLUMNS:
            jobs.drop_column(column.name)
