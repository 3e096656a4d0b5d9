"""What a channel leads to, so that nobody is sent everything twice; `lianbing migrate` fills it for the channels there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_identity",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_channel_identity_channel_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_channel_identity_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "audience", "identity", name=op.f("pk_channel_identity")),
    )
    op.create_index("ix_channel_identity_channel_id", "channel_identity", ["channel_id"], unique=False)


def downgrade() -> None:
    op.drop_table("channel_identity")
