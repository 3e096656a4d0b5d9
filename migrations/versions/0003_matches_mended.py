"""Matches: the newest answer's instant, every settled run examined, recordings found by index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UNEXAMINED = "settled_at IS NOT NULL AND examined_at IS NULL"
_LIVE = f"{_UNEXAMINED} AND players = 2"


def upgrade() -> None:
    op.add_column("match_run", sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE match_run r SET answered_at = "
        "(SELECT max(a.answered_at) FROM paper p JOIN answer a ON a.paper_id = p.id WHERE p.run_id = r.id)"
    )
    op.drop_index("ix_match_run_unexamined", table_name="match_run", postgresql_where=sa.text(_LIVE))
    op.create_index("ix_match_run_unexamined", "match_run", ["settled_at", "id"], postgresql_where=sa.text(_UNEXAMINED))
    op.create_index(
        "ix_paper_played",
        "paper",
        ["contest_id", sa.text("opened_at DESC"), "id"],
        postgresql_where=sa.text("kind = 'match'"),
    )


def downgrade() -> None:
    op.drop_index("ix_paper_played", table_name="paper", postgresql_where=sa.text("kind = 'match'"))
    op.drop_index("ix_match_run_unexamined", table_name="match_run", postgresql_where=sa.text(_UNEXAMINED))
    op.create_index("ix_match_run_unexamined", "match_run", ["settled_at", "id"], postgresql_where=sa.text(_LIVE))
    op.drop_column("match_run", "answered_at")
