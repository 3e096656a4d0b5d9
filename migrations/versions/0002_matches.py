"""Head-to-head matches: matches, their clocks, tickets, and the papers and day counters of their seats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "match",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("revision_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("seconds", sa.SmallInteger(), nullable=False),
        sa.Column("points_per_question", sa.SmallInteger(), nullable=False),
        sa.Column("recorded_paper_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(mode = 'relay') = (recorded_paper_id IS NOT NULL)", name=op.f("ck_match_recorded")),
        sa.CheckConstraint("mode IN ('live', 'relay', 'challenge')", name=op.f("ck_match_mode")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_match_contest_id")),
        sa.ForeignKeyConstraint(["recorded_paper_id"], ["paper.id"], name=op.f("fk_match_recorded_paper_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match")),
    )
    op.create_table(
        "match_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("players", sa.SmallInteger(), nullable=False),
        sa.Column("questions", sa.SmallInteger(), nullable=False),
        sa.Column("seconds", sa.SmallInteger(), nullable=False),
        sa.Column("pace", postgresql.ARRAY(sa.Integer()), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cursor", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("cursor_opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("masks", postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{0,0}'"), nullable=False),
        sa.Column("rights", postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{0,0}'"), nullable=False),
        sa.Column("counted", postgresql.ARRAY(sa.Boolean()), server_default=sa.text("'{f,f}'"), nullable=False),
        sa.Column("forfeited_by", sa.SmallInteger(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("examined_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("players IN (1, 2)", name=op.f("ck_match_run_players")),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], name=op.f("fk_match_run_match_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_run")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index("ix_match_run_match_id", "match_run", ["match_id"], unique=False)
    op.create_index(
        "ix_match_run_unsettled", "match_run", ["ends_at"], unique=False, postgresql_where=sa.text("settled_at IS NULL")
    )
    op.create_index(
        "ix_match_run_unexamined",
        "match_run",
        ["settled_at", "id"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NOT NULL AND examined_at IS NULL AND players = 2"),
    )
    op.create_table(
        "ticket",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("relay_offered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("match_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("seat", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint("mode IN ('any', 'live', 'relay', 'challenge')", name=op.f("ck_ticket_mode")),
        sa.CheckConstraint(
            "state IN ('waiting', 'playing', 'finished', 'expired', 'cancelled')",
            name=op.f("ck_ticket_state"),
        ),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_ticket_contest_id")),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], name=op.f("fk_ticket_match_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_ticket_officer_id")),
        sa.ForeignKeyConstraint(["run_id"], ["match_run.id"], name=op.f("fk_ticket_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket")),
    )
    op.create_index("ix_ticket_match_id", "ticket", ["match_id"], unique=False)
    op.create_index("ix_ticket_officer_id", "ticket", ["officer_id", "created_at"], unique=False)
    op.create_index(
        "ix_ticket_waiting",
        "ticket",
        ["contest_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_ticket_busy",
        "ticket",
        ["officer_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'playing')"),
    )
    op.create_table(
        "challenge",
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("from_officer_id", sa.Uuid(), nullable=False),
        sa.Column("to_officer_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["from_officer_id"], ["officer.id"], name=op.f("fk_challenge_from_officer_id")),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], name=op.f("fk_challenge_match_id")),
        sa.ForeignKeyConstraint(["to_officer_id"], ["officer.id"], name=op.f("fk_challenge_to_officer_id")),
        sa.PrimaryKeyConstraint("match_id", name=op.f("pk_challenge")),
    )
    for side in ("from", "to"):
        op.create_index(
            f"ix_challenge_{side}_officer_id",
            "challenge",
            [f"{side}_officer_id"],
            unique=False,
            postgresql_where=sa.text("taken_at IS NULL"),
        )
    op.create_table(
        "flag",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first_officer_id", sa.Uuid(), nullable=False),
        sa.Column("second_officer_id", sa.Uuid(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("last_match_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (decided_at IS NULL AND decided_by IS NULL AND note IS NULL)",
            name=op.f("ck_flag_decided"),
        ),
        sa.CheckConstraint("first_officer_id < second_officer_id", name=op.f("ck_flag_pair")),
        sa.CheckConstraint(
            "kind IN ('repeated_pair', 'alternating_wins', 'simultaneous_answers')", name=op.f("ck_flag_kind")
        ),
        sa.CheckConstraint("state IN ('open', 'dismissed', 'confirmed')", name=op.f("ck_flag_state")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_flag_contest_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["officer.id"], name=op.f("fk_flag_decided_by")),
        sa.ForeignKeyConstraint(["first_officer_id"], ["officer.id"], name=op.f("fk_flag_first_officer_id")),
        sa.ForeignKeyConstraint(["second_officer_id"], ["officer.id"], name=op.f("fk_flag_second_officer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag")),
    )
    op.create_index("ix_flag_pair", "flag", ["first_officer_id", "second_officer_id", "contest_id"], unique=False)
    op.create_index(
        "uq_flag_open",
        "flag",
        ["contest_id", "first_officer_id", "second_officer_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.add_column(
        "officer_day", sa.Column("matches_countable", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "officer_day", sa.Column("match_points", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("paper", sa.Column("match_id", sa.Uuid(), nullable=True))
    op.add_column("paper", sa.Column("run_id", sa.Uuid(), nullable=True))
    op.add_column("paper", sa.Column("seat", sa.SmallInteger(), nullable=True))
    op.drop_constraint(op.f("ck_paper_kind"), "paper", type_="check")
    op.create_check_constraint(op.f("ck_paper_kind"), "paper", "kind IN ('quiz', 'match')")
    op.create_check_constraint(
        op.f("ck_paper_seat"),
        "paper",
        "(kind = 'match') = (match_id IS NOT NULL AND run_id IS NOT NULL AND seat IN (1, 2))",
    )
    op.create_index(
        "uq_paper_match",
        "paper",
        ["match_id", "officer_id"],
        unique=True,
        postgresql_where=sa.text("match_id IS NOT NULL"),
    )
    op.create_index(
        "uq_paper_seat", "paper", ["run_id", "seat"], unique=True, postgresql_where=sa.text("run_id IS NOT NULL")
    )
    op.create_foreign_key(op.f("fk_paper_match_id"), "paper", "match", ["match_id"], ["id"])
    op.create_foreign_key(op.f("fk_paper_run_id"), "paper", "match_run", ["run_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("ck_paper_seat"), "paper", type_="check")
    op.execute("UPDATE match SET recorded_paper_id = NULL, mode = 'live' WHERE recorded_paper_id IS NOT NULL")
    op.execute("DELETE FROM answer WHERE paper_id IN (SELECT id FROM paper WHERE kind = 'match')")
    op.execute("DELETE FROM paper WHERE kind = 'match'")
    op.execute("DELETE FROM officer_day WHERE quiz_questions = 0")  # of those who only played matches
    op.drop_constraint(op.f("ck_paper_kind"), "paper", type_="check")
    op.create_check_constraint(op.f("ck_paper_kind"), "paper", "kind IN ('quiz')")
    op.drop_constraint(op.f("fk_paper_run_id"), "paper", type_="foreignkey")
    op.drop_constraint(op.f("fk_paper_match_id"), "paper", type_="foreignkey")
    op.drop_index("uq_paper_seat", table_name="paper", postgresql_where=sa.text("run_id IS NOT NULL"))
    op.drop_index("uq_paper_match", table_name="paper", postgresql_where=sa.text("match_id IS NOT NULL"))
    op.drop_column("paper", "seat")
    op.drop_column("paper", "run_id")
    op.drop_column("paper", "match_id")
    op.drop_column("officer_day", "match_points")
    op.drop_column("officer_day", "matches_countable")
    op.drop_index("uq_flag_open", table_name="flag", postgresql_where=sa.text("state = 'open'"))
    op.drop_index("ix_flag_pair", table_name="flag")
    op.drop_table("flag")
    op.drop_index("uq_ticket_busy", table_name="ticket", postgresql_where=sa.text("state IN ('waiting', 'playing')"))
    op.drop_index("ix_ticket_waiting", table_name="ticket", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index("ix_ticket_officer_id", table_name="ticket")
    op.drop_index("ix_ticket_match_id", table_name="ticket")
    op.drop_table("ticket")
    op.drop_table("challenge")
    op.drop_index(
        "ix_match_run_unexamined",
        table_name="match_run",
        postgresql_where=sa.text("settled_at IS NOT NULL AND examined_at IS NULL AND players = 2"),
    )
    op.drop_index("ix_match_run_unsettled", table_name="match_run", postgresql_where=sa.text("settled_at IS NULL"))
    op.drop_index("ix_match_run_match_id", table_name="match_run")
    op.drop_table("match_run")
    op.drop_table("match")
