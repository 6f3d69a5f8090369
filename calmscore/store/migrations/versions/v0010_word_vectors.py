"""On PostgreSQL the places of words are kept: to find a phrase, no text is cut into words anew."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEX, _OLD_INDEX = "ix_call_words_text_vector", "ix_call_words_text"
_VECTOR = "to_tsvector('simple', text)"


def upgrade() -> None:
    """Keep the places, and search by them. SQLite's index holds them already."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index(_OLD_INDEX, "call_words")
    op.execute(
        "ALTER TABLE call_words ADD COLUMN text_vector tsvector "
        f"GENERATED ALWAYS AS ({_VECTOR}) STORED"
    )
    op.create_index(_INDEX, "call_words", ["text_vector"], postgresql_using="gin")


def downgrade() -> None:
    """Cut texts into words at every search again."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index(_INDEX, "call_words")
    op.drop_column("call_words", "text_vector")
    op.create_index(_OLD_INDEX, "call_words", [sa.text(_VECTOR)], postgresql_using="gin")
