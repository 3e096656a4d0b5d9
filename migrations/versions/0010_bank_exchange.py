"""Bank: facts in the tables, local confirmations of instruments, questions that they brought into use."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "legal_fact",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.Column("force_check", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.name"], name=op.f("fk_legal_fact_instrument_instrument")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_fact")),
    )
    op.create_table(
        "instrument_confirmation",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=False),
        sa.Column("confirmed_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shipped_by", sa.Text(), nullable=True),
        sa.Column("shipped_checked_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instrument"], ["instrument.name"], name=op.f("fk_instrument_confirmation_instrument_instrument")
        ),
        sa.PrimaryKeyConstraint("instrument", name=op.f("pk_instrument_confirmation")),
    )
    op.add_column("question", sa.Column("freed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("question", "freed_at")
    op.drop_table("instrument_confirmation")
    op.drop_table("legal_fact")
