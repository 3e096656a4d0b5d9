"""Templates of notices, held slots, the organisers' previews, and the contest's calendar."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AUDIENCES = "'province', 'bureau', 'branch', 'liaison', 'leader', 'forecast', 'nudge'"


def upgrade() -> None:
    op.create_table(
        "contest_day",
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint("source IN ('manual', 'weekend', 'holiday', 'workday')", name=op.f("ck_contest_day_source")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_contest_day_contest_id")),
        sa.PrimaryKeyConstraint("contest_id", "day", name=op.f("pk_contest_day")),
    )
    op.create_table(
        "notice_template",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("audience_kind", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(title IS NULL) = (body IS NULL)", name=op.f("ck_notice_template_text")),
        sa.ForeignKeyConstraint(["created_by"], ["officer.id"], name=op.f("fk_notice_template_created_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_notice_template_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_template")),
        sa.UniqueConstraint("unit_id", "audience_kind", "slot", "version", name=op.f("uq_notice_template_version")),
    )
    op.create_table(
        "slot_hold",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held_by", sa.Uuid(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by", sa.Uuid(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_by", sa.Uuid(), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("released_at IS NULL OR dropped_at IS NULL", name=op.f("ck_slot_hold_one_end")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_slot_hold_contest_id")),
        sa.ForeignKeyConstraint(["dropped_by"], ["officer.id"], name=op.f("fk_slot_hold_dropped_by")),
        sa.ForeignKeyConstraint(["held_by"], ["officer.id"], name=op.f("fk_slot_hold_held_by")),
        sa.ForeignKeyConstraint(["released_by"], ["officer.id"], name=op.f("fk_slot_hold_released_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_slot_hold_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot_hold")),
    )
    op.create_index("ix_slot_hold_unit_id", "slot_hold", ["unit_id", "slot_at"], unique=False)
    op.create_index(
        "uq_slot_hold_in_force",
        "slot_hold",
        ["contest_id", "unit_id", "slot_at"],
        unique=True,
        postgresql_where=sa.text("released_at IS NULL"),
    )
    # Until now `template_version` was the version of the built-in texts; now 0 says that they wrote the notice.
    op.add_column("notice", sa.Column("text_version", sa.SmallInteger(), server_default=sa.text("1"), nullable=False))
    op.execute("UPDATE notice SET text_version = template_version, template_version = 0")
    op.alter_column("notice", "template_version", server_default=sa.text("0"))
    op.add_column("notice", sa.Column("template_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_notice_template_id"), "notice", "notice_template", ["template_id"], ["id"])
    op.add_column("notice", sa.Column("warning", sa.Text(), nullable=True))
    _constraints(
        audience_kind=f"audience_kind IN ({_AUDIENCES}, 'organisers')",
        state="state IN ('planned', 'held', 'skipped', 'superseded')",
        text="state NOT IN ('planned', 'held') OR body IS NOT NULL",
    )


def _constraints(**checks: str) -> None:
    for name, check in checks.items():
        op.drop_constraint(op.f(f"ck_notice_{name}"), "notice")
        op.create_check_constraint(op.f(f"ck_notice_{name}"), "notice", check)


def downgrade() -> None:
    # Nothing of the schema below says that a notice was held back, or that it was the organisers' preview.
    preview = "(SELECT id FROM notice WHERE audience_kind = 'organisers')"
    attempts = f"SELECT id FROM delivery WHERE notice_id IN {preview}"
    op.execute(f"DELETE FROM delivery_attempt WHERE delivery_id IN ({attempts})")
    op.execute(f"DELETE FROM delivery WHERE notice_id IN {preview}")
    op.execute("DELETE FROM notice WHERE audience_kind = 'organisers'")
    op.execute("UPDATE notice SET state = 'superseded', reason = 'missed' WHERE state = 'held'")
    _constraints(
        audience_kind=f"audience_kind IN ({_AUDIENCES})",
        state="state IN ('planned', 'skipped', 'superseded')",
        text="state <> 'planned' OR body IS NOT NULL",
    )
    op.drop_column("notice", "warning")
    op.drop_constraint(op.f("fk_notice_template_id"), "notice")
    op.drop_column("notice", "template_id")
    op.alter_column("notice", "template_version", server_default=None)
    op.execute("UPDATE notice SET template_version = text_version")
    op.drop_column("notice", "text_version")
    op.drop_index("uq_slot_hold_in_force", table_name="slot_hold")
    op.drop_index("ix_slot_hold_unit_id", table_name="slot_hold")
    op.drop_table("slot_hold")
    op.drop_table("notice_template")
    op.drop_table("contest_day")
