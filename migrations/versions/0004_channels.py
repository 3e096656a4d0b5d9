"""Channels of every kind: their settings and audience, deliveries to named recipients, doubts and alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channel", sa.Column("audience", sa.Text(), server_default=sa.text("'group'"), nullable=False))
    op.add_column("channel", sa.Column("target", sa.Text(), nullable=True))
    op.add_column(
        "channel",
        sa.Column("settings", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    op.create_check_constraint(op.f("ck_channel_audience"), "channel", "audience IN ('group', 'officers')")
    op.add_column("delivery", sa.Column("kind", sa.Text(), server_default=sa.text("'text'"), nullable=False))
    op.add_column("delivery", sa.Column("lot", sa.SmallInteger(), server_default=sa.text("1"), nullable=False))
    op.add_column("delivery", sa.Column("recipients", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column("delivery", sa.Column("doubt_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("delivery", sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_delivery_kind"), "delivery", "kind IN ('text', 'image', 'alert')")
    op.drop_constraint(op.f("uq_delivery_notice_id_channel_id_part"), "delivery")
    op.create_unique_constraint(
        op.f("uq_delivery_notice_id_channel_id_lot_part"),
        "delivery",
        ["notice_id", "channel_id", "lot", "part"],
        postgresql_nulls_not_distinct=True,
    )
    # Nobody is alerted now to what went wrong before.
    op.execute("UPDATE delivery SET alerted_at = now() WHERE state IN ('dead', 'uncertain')")
    op.create_index(
        "ix_delivery_unalerted",
        "delivery",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('dead', 'uncertain') AND alerted_at IS NULL"),
    )
    op.create_index("ix_delivery_attempt_started_at", "delivery_attempt", ["started_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_delivery_attempt_started_at", table_name="delivery_attempt")
    op.drop_index("ix_delivery_unalerted", table_name="delivery")
    # What the schema below cannot tell apart: deliveries to persons, and the channels that only carried those.
    later = "lot > 1 OR kind <> 'text' OR recipients IS NOT NULL"
    op.execute(f"DELETE FROM delivery_attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE {later})")
    op.execute(f"DELETE FROM delivery WHERE {later}")
    op.execute(
        "UPDATE channel SET enabled = false, deleted_at = coalesce(deleted_at, now()) WHERE audience = 'officers'"
    )
    op.drop_constraint(op.f("uq_delivery_notice_id_channel_id_lot_part"), "delivery")
    op.create_unique_constraint(
        op.f("uq_delivery_notice_id_channel_id_part"),
        "delivery",
        ["notice_id", "channel_id", "part"],
        postgresql_nulls_not_distinct=True,
    )
    op.drop_constraint(op.f("ck_delivery_kind"), "delivery")
    for name in ("alerted_at", "doubt_at", "recipients", "lot", "kind"):
        op.drop_column("delivery", name)
    op.drop_constraint(op.f("ck_channel_audience"), "channel")
    for name in ("settings", "target", "audience"):
        op.drop_column("channel", name)
