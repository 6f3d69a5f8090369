"""What a recording without a header holds."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; calls that are here are read as their names or the environment tell."""
    op.add_column("calls", sa.Column("raw_format", sa.String(40), nullable=True))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("calls", "raw_format")
