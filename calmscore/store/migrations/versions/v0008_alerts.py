"""Rules that tell somebody of calls, what they found, and messages on their way."""

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("outcomes", sa.JSON(), nullable=False),
        sa.Column("highest_score", sa.Double(), nullable=True),
        sa.Column("phrases", sa.JSON(), nullable=False),
        sa.Column("in_doubt", sa.Boolean(), nullable=False),
        sa.Column("any_agent", sa.Boolean(), nullable=False),
        sa.Column("to_queue", sa.Boolean(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("tells_customer", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rules")),
    )
    op.create_table(
        "alert_rule_agents",
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        _goes_with("alert_rule_agents", "rule_id", "alert_rules.id"),
        _goes_with("alert_rule_agents", "agent_id", "agents.id"),
        sa.PrimaryKeyConstraint("rule_id", "agent_id", name=op.f("pk_alert_rule_agents")),
    )
    op.create_index("ix_alert_rule_agents_agent_id", "alert_rule_agents", ["agent_id"])
    op.create_table(
        "alerts",
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        _goes_with("alerts", "rule_id", "alert_rules.id"),
        _goes_with("alerts", "call_number", "calls.number"),
        sa.PrimaryKeyConstraint("rule_id", "call_number", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_call_number", "alerts", ["call_number"])
    op.create_table(
        "alert_deliveries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("owner", sa.String(length=60), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        _goes_with("alert_deliveries", "rule_id", "alert_rules.id"),
        _goes_with("alert_deliveries", "call_number", "calls.number"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_deliveries")),
    )
    op.create_index(
        "ix_alert_deliveries_state_not_before", "alert_deliveries", ["state", "not_before"]
    )
    for column in ("rule_id", "call_number", "created_at"):
        op.create_index(f"ix_alert_deliveries_{column}", "alert_deliveries", [column])


def _goes_with(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target.split('.')[0]}")
    return sa.ForeignKeyConstraint([column], [target], name=name, ondelete="CASCADE")


def downgrade() -> None:
    """Remove the tables."""
    for table in ("alert_deliveries", "alerts", "alert_rule_agents", "alert_rules"):
        op.drop_table(table)
