"""The first tables: calls, reports, notes, settings, audit, keys, jobs."""

import sqlalchemy as sa
from alembic import op

from calmscore.store.column_types import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "agents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sa.UniqueConstraint("name", name=op.f("uq_agents_name")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("call_number", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
    op.create_index("ix_audit_events_call_number", "audit_events", ["call_number"])

    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_call_id", "jobs", ["call_id"])
    op.create_index("ix_jobs_state_created_at", "jobs", ["state", "created_at"])

    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "calls",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=500), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("customer", sa.String(length=200), nullable=True),
        sa.Column("called_at", UtcDateTime(), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("trend", sa.JSON(), nullable=False),
        sa.Column("audio_until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_calls_agent_id_agents")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_calls")),
        sa.UniqueConstraint("id", name=op.f("uq_calls_id")),
    )
    op.create_index("ix_calls_added_at", "calls", ["added_at"])
    op.create_index("ix_calls_agent_id_called_at", "calls", ["agent_id", "called_at"])
    op.create_index("ix_calls_audio_until", "calls", ["audio_until"])
    op.create_index("ix_calls_called_at", "calls", ["called_at"])
    op.create_index("ix_calls_duration_seconds", "calls", ["duration_seconds"])
    op.create_index("ix_calls_file_name", "calls", ["file_name"])
    op.create_index("ix_calls_outcome_called_at", "calls", ["outcome", "called_at"])
    op.create_index("ix_calls_score", "calls", ["score"])
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_calls_score_descending", "calls", [sa.text("score DESC NULLS LAST")])

    op.create_table(
        "corrections",
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("start_seconds", sa.Double(), nullable=False),
        sa.Column("end_seconds", sa.Double(), nullable=False),
        sa.Column("emotion", sa.String(length=20), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_corrections_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_number", "start_seconds", name=op.f("pk_corrections")),
    )
    op.create_table(
        "moments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("at_seconds", sa.Double(), nullable=False),
        sa.Column("from_emotion", sa.String(length=20), nullable=False),
        sa.Column("to_emotion", sa.String(length=20), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_moments_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moments")),
    )
    op.create_index("ix_moments_call_number_points", "moments", ["call_number", "points"])

    op.create_table(
        "notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("at_seconds", sa.Double(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_notes_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index("ix_notes_call_number", "notes", ["call_number"])

    op.create_table(
        "reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("customer_channel", sa.String(length=10), nullable=False),
        sa.Column("model_version", sa.String(length=40), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_reports_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint(
            "call_number", "model_sha256", "customer_channel", name=op.f("uq_reports_call_number")
        ),
    )
    op.create_table(
        "tags",
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_number"],
            ["calls.number"],
            name=op.f("fk_tags_call_number_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_number", "name", name=op.f("pk_tags")),
    )
    op.create_index("ix_tags_name", "tags", ["name"])


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("tags")
    op.drop_table("reports")

    op.drop_table("notes")

    op.drop_table("moments")
    op.drop_table("corrections")

    op.drop_table("calls")
    op.drop_table("settings")

    op.drop_table("jobs")

    op.drop_table("audit_events")
    op.drop_table("api_keys")
    op.drop_table("agents")
