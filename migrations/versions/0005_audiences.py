"""Audiences beyond the two groups: the province, and single people; officers may want no nudges."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PRIVATE = "'liaison', 'leader', 'forecast', 'nudge'"


def upgrade() -> None:
    op.add_column("officer", sa.Column("nudges", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    _constraints(
        audience_kind=f"audience_kind IN ('province', 'bureau', 'branch', {_PRIVATE})",
        text="state <> 'planned' OR body IS NOT NULL",
    )


def _constraints(**checks: str) -> None:
    for name, check in checks.items():
        op.drop_constraint(op.f(f"ck_notice_{name}"), "notice")
        op.create_check_constraint(op.f(f"ck_notice_{name}"), "notice", check)


def downgrade() -> None:
    # The schema below has no place for these audiences, nor for a text that could not be sent.
    later = "(SELECT id FROM notice WHERE audience_kind NOT IN ('bureau', 'branch'))"
    op.execute(
        f"DELETE FROM delivery_attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE notice_id IN {later})"
    )
    op.execute(f"DELETE FROM delivery WHERE notice_id IN {later}")
    op.execute(f"DELETE FROM notice WHERE id IN {later}")
    op.execute("UPDATE notice SET title = NULL, body = NULL, stats = NULL WHERE state <> 'planned'")
    _constraints(
        audience_kind="audience_kind IN ('bureau', 'branch')",
        text="(state = 'planned') = (body IS NOT NULL)",
    )
    op.drop_column("officer", "nudges")
