"""A bureau's place in its province, as the province told it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "province_place",
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_by", sa.Uuid(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("place > 0", name=op.f("ck_province_place_place")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_province_place_contest_id")),
        sa.ForeignKeyConstraint(["told_by"], ["officer.id"], name=op.f("fk_province_place_told_by")),
        sa.PrimaryKeyConstraint("contest_id", "day", name=op.f("pk_province_place")),
    )


def downgrade() -> None:
    op.drop_table("province_place")
