"""Keys of the HTTP service end by themselves."""

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add when a key ends; those that are here have no end."""
    op.add_column("api_keys", sa.Column("expires_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Remove it again."""
    with op.batch_alter_table("api_keys") as keys:
        keys.drop_column("expires_at")
