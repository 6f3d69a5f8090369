"""How conversations went: what lists of calls are sorted by."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from calmscore.analysis.conversation import conversation_of
from calmscore.analysis.report import CallReport
from calmscore.errors import ParameterError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NEW_COLUMNS: dict[str, Any] = {
    "agent_share": sa.Double(),
    "interruptions": sa.Integer(),
    "pauses": sa.Integer(),
}
_PAGE_CALLS = 200


def upgrade() -> None:
    """Add the columns and what sorts by them; the reports that are here fill them."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, kind in _NEW_COLUMNS.items():
        op.add_column("calls", sa.Column(name, kind, nullable=True))
        op.create_index(f"ix_calls_{name}", "calls", [name])
        if on_postgresql:
            op.create_index(
                f"ix_calls_{name}_descending", "calls", [sa.text(f"{name} DESC NULLS LAST")]
            )
    _fill()


def _fill() -> None:
    keys = dict.fromkeys(("number", "report_id"), sa.Integer())
    kinds: dict[str, Any] = {**keys, **_NEW_COLUMNS}
    calls = sa.table("calls", *(sa.column(name, kind) for name, kind in kinds.items()))
    reports = sa.table("reports", sa.column("id"), sa.column("document", sa.JSON()))
    query = (
        sa.select(calls.c.number, reports.c.document)
        .join(reports, reports.c.id == calls.c.report_id)
        .order_by(calls.c.number)
        .limit(_PAGE_CALLS)
    )
    connection, last = op.get_bind(), 0
    while page := connection.execute(query.where(calls.c.number > last)).all():
        for number, document in page:
            try:
                told = conversation_of(CallReport.from_dict(document))
            except ParameterError:  # a damaged report tells nothing
                continue
            connection.execute(
                sa.update(calls)
                .where(calls.c.number == number)
                .values({name: getattr(told, name) for name in _NEW_COLUMNS})
            )
        last = page[-1][0]


def downgrade() -> None:
    """Remove the columns; their indexes first, which SQLite does not drop with them."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name in _NEW_COLUMNS:
        if on_postgresql:
            op.drop_index(f"ix_calls_{name}_descending", "calls")
        op.drop_index(f"ix_calls_{name}", "calls")
        op.drop_column("calls", name)
