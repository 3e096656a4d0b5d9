"""The life of a question: steps, stops, warnings; what the bank was at each version; the version of each draw."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Deferred to the end of the transaction: by then every change of the bank has raised the version that it belongs to.
_REMEMBER = """
CREATE FUNCTION remember_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {table}_history SELECT {columns} FROM bank_version
    ON CONFLICT ({key}, version) DO UPDATE SET {update};
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE CONSTRAINT TRIGGER {table}_remembered AFTER INSERT OR UPDATE ON {table}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION remember_{table}()
"""


def upgrade() -> None:
    op.add_column("question_revision", sa.Column("author_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_question_revision_author_id"), "question_revision", "officer", ["author_id"], ["id"])
    op.add_column("paper", sa.Column("bank_version", sa.Integer(), nullable=True))
    op.create_table(
        "question_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cause IN ('person', 'basis')", name=op.f("ck_question_step_cause")),
        sa.ForeignKeyConstraint(["actor_id"], ["officer.id"], name=op.f("fk_question_step_actor_id")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_question_step_question_id")),
        sa.ForeignKeyConstraint(["revision_id"], ["question_revision.id"], name=op.f("fk_question_step_revision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_step")),
    )
    op.create_index(op.f("ix_question_step_question_id"), "question_step", ["question_id"])
    op.create_table(
        "question_stop",
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("would_be", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("cause IN ('person', 'basis')", name=op.f("ck_question_stop_cause")),
        sa.ForeignKeyConstraint(["actor_id"], ["officer.id"], name=op.f("fk_question_stop_actor_id")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_question_stop_question_id")),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_question_stop")),
    )
    op.create_table(
        "basis_warning",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.name"], name=op.f("fk_basis_warning_instrument")),
        sa.PrimaryKeyConstraint("instrument", "ends_on", name=op.f("pk_basis_warning")),
    )
    op.create_table(
        "question_history",
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("question_id", "version", name=op.f("pk_question_history")),
    )
    op.create_table(
        "instrument_history",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("in_force_from", sa.Date(), nullable=False),
        sa.Column("in_force_to", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_instrument_history")),
    )
    _remember()


def _remember() -> None:
    """Begin both histories with what there is, and let triggers go on with them, whoever changes the bank."""
    op.execute(
        "INSERT INTO question_history SELECT q.id, version, state, current_revision_id FROM question q, bank_version"
    )
    op.execute(
        "INSERT INTO instrument_history SELECT name, version, in_force_from, in_force_to FROM instrument, bank_version"
    )
    op.execute(
        _REMEMBER.format(
            table="question",
            columns="NEW.id, version, NEW.state, NEW.current_revision_id",
            key="question_id",
            update="state = excluded.state, revision_id = excluded.revision_id",
        )
    )
    op.execute(
        _REMEMBER.format(
            table="instrument",
            columns="NEW.name, version, NEW.in_force_from, NEW.in_force_to",
            key="name",
            update="in_force_from = excluded.in_force_from, in_force_to = excluded.in_force_to",
        )
    )
    for table in ("question", "instrument"):
        op.execute(_TRIGGER.format(table=table))


def downgrade() -> None:
    for table in ("instrument", "question"):
        op.execute(f"DROP TRIGGER {table}_remembered ON {table}")
        op.execute(f"DROP FUNCTION remember_{table}()")
    op.drop_table("instrument_history")
    op.drop_table("question_history")
    op.drop_table("basis_warning")
    op.drop_table("question_stop")
    op.drop_index(op.f("ix_question_step_question_id"), table_name="question_step")
    op.drop_table("question_step")
    op.drop_column("paper", "bank_version")
    op.drop_constraint(op.f("fk_question_revision_author_id"), "question_revision", type_="foreignkey")
    op.drop_column("question_revision", "author_id")
