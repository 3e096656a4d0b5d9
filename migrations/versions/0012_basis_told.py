"""Administrators are told of the end of a legal basis: a kind of audience, and of what each bureau was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_AUDIENCES = "'province', 'bureau', 'branch', 'liaison', 'leader', 'forecast', 'nudge', 'organisers'"


def upgrade() -> None:
    _audiences(f"{_AUDIENCES}, 'administrators'")
    op.create_table(
        "basis_told",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.name"], name=op.f("fk_basis_told_instrument")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_basis_told_notice_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_basis_told_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "instrument", "ends_on", name=op.f("pk_basis_told")),
    )
    op.create_index("ix_basis_told_notice_id", "basis_told", ["notice_id"])


def _audiences(kinds: str) -> None:
    op.drop_constraint(op.f("ck_notice_audience_kind"), "notice")
    op.create_check_constraint(op.f("ck_notice_audience_kind"), "notice", f"audience_kind IN ({kinds})")


def downgrade() -> None:
    # The schema below has no place for what administrators were told.
    op.drop_table("basis_told")
    told = "(SELECT id FROM notice WHERE audience_kind = 'administrators')"
    attempts = f"SELECT id FROM delivery WHERE notice_id IN {told}"
    op.execute(f"DELETE FROM delivery_attempt WHERE delivery_id IN ({attempts})")
    op.execute(f"DELETE FROM delivery WHERE notice_id IN {told}")
    op.execute("DELETE FROM notice WHERE audience_kind = 'administrators'")
    _audiences(_AUDIENCES)
