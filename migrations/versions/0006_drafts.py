"""Drafts of praise and criticism, with the approvals of two people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OFFICERS = ("edited_by", "first_approved_by", "second_approved_by", "rejected_by")


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("bureau_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("edited_by", sa.Uuid(), nullable=True),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_approved_by", sa.Uuid(), nullable=True),
        sa.Column("first_approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("second_approved_by", sa.Uuid(), nullable=True),
        sa.Column("second_approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_by", sa.Uuid(), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reject_reason", sa.Text(), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind IN ('praise', 'criticism')", name=op.f("ck_draft_kind")),
        sa.CheckConstraint("state IN ('proposed', 'sent', 'rejected')", name=op.f("ck_draft_state")),
        sa.CheckConstraint("first_approved_by <> second_approved_by", name=op.f("ck_draft_two_people")),
        sa.CheckConstraint(
            "(state = 'sent') = (first_approved_by IS NOT NULL AND second_approved_by IS NOT NULL"
            " AND notice_id IS NOT NULL)",
            name=op.f("ck_draft_sent"),
        ),
        sa.CheckConstraint("(state = 'rejected') = (rejected_by IS NOT NULL)", name=op.f("ck_draft_rejected")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_draft_contest_id")),
        sa.ForeignKeyConstraint(["bureau_id"], ["unit.id"], name=op.f("fk_draft_bureau_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_draft_unit_id")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_draft_notice_id")),
        *(sa.ForeignKeyConstraint([name], ["officer.id"], name=op.f(f"fk_draft_{name}")) for name in _OFFICERS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("contest_id", "unit_id", "kind", "day", name="uq_draft_day"),
    )
    op.create_index("ix_draft_bureau_id", "draft", ["bureau_id"], unique=False)


def downgrade() -> None:
    op.drop_table("draft")
