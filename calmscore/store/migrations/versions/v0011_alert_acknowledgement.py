"""Who took note of an alert, and when."""

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nobody has acknowledged what is here."""
    op.add_column("alerts", sa.Column("acknowledged_by", sa.String(200), nullable=True))
    op.add_column("alerts", sa.Column("acknowledged_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Remove the columns."""
    for name in ("acknowledged_at", "acknowledged_by"):
        op.drop_column("alerts", name)
