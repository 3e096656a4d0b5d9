"""The first schema: roster, contests, bank, papers, participation, notices, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answer",
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("correct", sa.Boolean(), nullable=False),
        sa.Column("points", sa.SmallInteger(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after_answered", sa.SmallInteger(), nullable=False),
        sa.Column("after_correct", sa.SmallInteger(), nullable=False),
        sa.Column("after_points", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("paper_id", "position", name=op.f("pk_answer")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entry")),
    )
    op.create_table(
        "bank_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_bank_version_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_version")),
    )
    op.create_table(
        "instrument",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("in_force_from", sa.Date(), nullable=False),
        sa.Column("in_force_to", sa.Date(), nullable=True),
        sa.Column("checked_to", sa.Date(), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_instrument")),
    )
    op.create_table(
        "officer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("employee_no", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("section", sa.Text(), nullable=True),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("wecom_userid", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("first_signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("text_size", sa.Text(), server_default=sa.text("'standard'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_officer")),
        sa.UniqueConstraint("employee_no", name=op.f("uq_officer_employee_no")),
        sa.UniqueConstraint("phone", name=op.f("uq_officer_phone")),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_failures")),
    )
    op.create_table(
        "unit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ranking_group", sa.Text(), nullable=True),
        sa.Column("path", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('province', 'bureau', 'branch', 'township', 'headquarters')", name=op.f("ck_unit_kind")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["unit.id"], name=op.f("fk_unit_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint(
            "parent_id", "name", name=op.f("uq_unit_parent_id_name"), postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index("ix_unit_path", "unit", ["path"], unique=False, postgresql_using="gin")
    op.create_table(
        "assignment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("takes_part", sa.Boolean(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("until_day IS NULL OR until_day > from_day", name=op.f("ck_assignment_days")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_assignment_officer_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_assignment_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint("officer_id", "from_day", name=op.f("uq_assignment_officer_id_from_day")),
    )
    op.create_index("ix_assignment_unit_id", "assignment", ["unit_id"], unique=False)
    op.create_index(
        "uq_assignment_open", "assignment", ["officer_id"], unique=True, postgresql_where=sa.text("until_day IS NULL")
    )
    op.create_table(
        "channel",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("posted_at", sa.ARRAY(sa.DateTime(timezone=True)), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_channel_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("unit_id", "url", name="uq_channel_unit_url"),
    )
    op.create_table(
        "contest",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("office_phone", sa.Text(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'open', 'paused')", name=op.f("ck_contest_state")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_contest_days")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_contest_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contest")),
    )
    op.create_index("ix_contest_unit_id", "contest", ["unit_id"], unique=False)
    op.create_table(
        "exemption",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("to_day >= from_day", name=op.f("ck_exemption_days")),
        sa.ForeignKeyConstraint(["created_by"], ["officer.id"], name=op.f("fk_exemption_created_by")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_exemption_officer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exemption")),
    )
    op.create_index(op.f("ix_exemption_officer_id"), "exemption", ["officer_id"], unique=False)
    op.create_table(
        "question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("current_revision_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_question_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint(
            "unit_id", "code", name=op.f("uq_question_unit_id_code"), postgresql_nulls_not_distinct=True
        ),
    )
    op.create_table(
        "roster_import",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("officer_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["officer.id"], name=op.f("fk_roster_import_created_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_roster_import_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_import")),
    )
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_session_officer_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_officer_id"), "session", ["officer_id"], unique=False)
    op.create_table(
        "sign_in_link",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["officer.id"], name=op.f("fk_sign_in_link_created_by")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_sign_in_link_officer_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_sign_in_link")),
    )
    op.create_index(op.f("ix_sign_in_link_officer_id"), "sign_in_link", ["officer_id"], unique=False)
    op.create_table(
        "contest_rules",
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_contest_rules_contest_id")),
        sa.ForeignKeyConstraint(["created_by"], ["officer.id"], name=op.f("fk_contest_rules_created_by")),
        sa.PrimaryKeyConstraint("contest_id", "from_day", name=op.f("pk_contest_rules")),
    )
    op.create_table(
        "exemption_day",
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("exemption_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["exemption_id"], ["exemption.id"], name=op.f("fk_exemption_day_exemption_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_exemption_day_officer_id")),
        sa.PrimaryKeyConstraint("officer_id", "day", name=op.f("pk_exemption_day")),
    )
    op.create_index(op.f("ix_exemption_day_day"), "exemption_day", ["day"], unique=False)
    op.create_index(op.f("ix_exemption_day_exemption_id"), "exemption_day", ["exemption_id"], unique=False)
    op.create_table(
        "frozen_day",
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_frozen_day_contest_id")),
        sa.PrimaryKeyConstraint("contest_id", "day", name=op.f("pk_frozen_day")),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("audience_kind", sa.Text(), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("stats", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("template_version", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'planned') = (body IS NOT NULL)", name=op.f("ck_notice_text")),
        sa.CheckConstraint("audience_kind IN ('bureau', 'branch')", name=op.f("ck_notice_audience_kind")),
        sa.CheckConstraint("state IN ('planned', 'skipped', 'superseded')", name=op.f("ck_notice_state")),
        sa.ForeignKeyConstraint(["audience_id"], ["unit.id"], name=op.f("fk_notice_audience_id")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_notice_contest_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("contest_id", "audience_kind", "audience_id", "slot_at", name="uq_notice_slot_audience"),
    )
    op.create_index("ix_notice_audience_id", "notice", ["audience_id"], unique=False)
    op.create_index("ix_notice_slot_at", "notice", ["slot_at"], unique=False)
    op.create_table(
        "officer_day",
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("quiz_questions", sa.SmallInteger(), nullable=False),
        sa.Column("quiz_answered", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("quiz_correct", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("quiz_points", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_answer_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quiz_finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("matches_counted", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("matches_required", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_officer_day_contest_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_officer_day_officer_id")),
        sa.PrimaryKeyConstraint("contest_id", "officer_id", "day", name=op.f("pk_officer_day")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index("ix_officer_day_contest_day", "officer_day", ["contest_id", "day"], unique=False)
    op.create_table(
        "paper",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("revision_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("points_per_question", sa.SmallInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('quiz')", name=op.f("ck_paper_kind")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_paper_contest_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_paper_officer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
    )
    op.create_index("ix_paper_contest_day", "paper", ["contest_id", "day"], unique=False)
    op.create_index("ix_paper_officer_id", "paper", ["officer_id"], unique=False)
    op.create_index(
        "uq_paper_quiz",
        "paper",
        ["contest_id", "officer_id", "day"],
        unique=True,
        postgresql_where=sa.text("kind = 'quiz'"),
    )
    op.create_table(
        "question_revision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("difficulty", sa.Integer(), nullable=False),
        sa.Column("stem", sa.Text(), nullable=False),
        sa.Column("option_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("option_texts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("basis", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("facts", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('single', 'multiple', 'true_false')", name=op.f("ck_question_revision_kind")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_question_revision_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_revision")),
        sa.UniqueConstraint("question_id", "number", name=op.f("uq_question_revision_question_id_number")),
    )
    op.create_table(
        "reminder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("by_officer_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("channel IN ('phone', 'message')", name=op.f("ck_reminder_channel")),
        sa.CheckConstraint(
            "outcome IN ('reached', 'no_answer', 'later', 'on_leave')", name=op.f("ck_reminder_outcome")
        ),
        sa.ForeignKeyConstraint(["by_officer_id"], ["officer.id"], name=op.f("fk_reminder_by_officer_id")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_reminder_contest_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_reminder_officer_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_reminder_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
    )
    op.create_index("ix_reminder_contest_day", "reminder", ["contest_id", "day", "officer_id"], unique=False)
    op.create_table(
        "unit_day",
        sa.Column("contest_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("enrolled", sa.Integer(), nullable=False),
        sa.Column("exempt", sa.Integer(), nullable=False),
        sa.Column("participated", sa.Integer(), nullable=False),
        sa.Column("quiz_finished", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("in_progress", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("correct", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_unit_day_contest_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_day_unit_id")),
        sa.PrimaryKeyConstraint("contest_id", "day", "unit_id", name=op.f("pk_unit_day")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=True),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts_allowed", sa.SmallInteger(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "channel_id IS NOT NULL OR state IN ('to_forward', 'sent')", name=op.f("ck_delivery_manual")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'claimed', 'posting', 'retry', 'sent', 'uncertain', 'dead', 'expired', 'to_forward')",
            name=op.f("ck_delivery_state"),
        ),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_delivery_channel_id")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_delivery_notice_id")),
        sa.ForeignKeyConstraint(["settled_by"], ["officer.id"], name=op.f("fk_delivery_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "notice_id",
            "channel_id",
            "part",
            name=op.f("uq_delivery_notice_id_channel_id_part"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_delivery_channel_id", "delivery", ["channel_id"], unique=False)
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'retry', 'claimed', 'posting')"),
    )
    op.create_table(
        "question_basis",
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.name"], name=op.f("fk_question_basis_instrument")),
        sa.ForeignKeyConstraint(["revision_id"], ["question_revision.id"], name=op.f("fk_question_basis_revision_id")),
        sa.PrimaryKeyConstraint("revision_id", "instrument", "article", name=op.f("pk_question_basis")),
    )
    op.create_index(op.f("ix_question_basis_instrument"), "question_basis", ["instrument"], unique=False)
    op.create_table(
        "delivery_attempt",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_attempt_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_delivery_attempt")),
    )

    op.execute("INSERT INTO bank_version (id, version) VALUES (1, 0)")
    op.execute(
        """
        CREATE FUNCTION audit_entry_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'audit_entry is append-only' USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
        FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_append_only()
        """
    )


def downgrade() -> None:
    op.drop_table("delivery_attempt")
    op.drop_index(op.f("ix_question_basis_instrument"), table_name="question_basis")
    op.drop_table("question_basis")
    op.drop_index(
        "ix_delivery_open",
        table_name="delivery",
        postgresql_where=sa.text("state IN ('pending', 'retry', 'claimed', 'posting')"),
    )
    op.drop_index("ix_delivery_channel_id", table_name="delivery")
    op.drop_table("delivery")
    op.drop_table("unit_day")
    op.drop_index("ix_reminder_contest_day", table_name="reminder")
    op.drop_table("reminder")
    op.drop_table("question_revision")
    op.drop_index("uq_paper_quiz", table_name="paper", postgresql_where=sa.text("kind = 'quiz'"))
    op.drop_index("ix_paper_officer_id", table_name="paper")
    op.drop_index("ix_paper_contest_day", table_name="paper")
    op.drop_table("paper")
    op.drop_index("ix_officer_day_contest_day", table_name="officer_day")
    op.drop_table("officer_day")
    op.drop_index("ix_notice_slot_at", table_name="notice")
    op.drop_index("ix_notice_audience_id", table_name="notice")
    op.drop_table("notice")
    op.drop_table("frozen_day")
    op.drop_index(op.f("ix_exemption_day_exemption_id"), table_name="exemption_day")
    op.drop_index(op.f("ix_exemption_day_day"), table_name="exemption_day")
    op.drop_table("exemption_day")
    op.drop_table("contest_rules")
    op.drop_index(op.f("ix_sign_in_link_officer_id"), table_name="sign_in_link")
    op.drop_table("sign_in_link")
    op.drop_index(op.f("ix_session_officer_id"), table_name="session")
    op.drop_table("session")
    op.drop_table("roster_import")
    op.drop_table("question")
    op.drop_index(op.f("ix_exemption_officer_id"), table_name="exemption")
    op.drop_table("exemption")
    op.drop_index("ix_contest_unit_id", table_name="contest")
    op.drop_table("contest")
    op.drop_table("channel")
    op.drop_index("uq_assignment_open", table_name="assignment", postgresql_where=sa.text("until_day IS NULL"))
    op.drop_index("ix_assignment_unit_id", table_name="assignment")
    op.drop_table("assignment")
    op.drop_index("ix_unit_path", table_name="unit", postgresql_using="gin")
    op.drop_table("unit")
    op.drop_table("sign_in_failures")
    op.drop_table("officer")
    op.drop_table("instrument")
    op.drop_table("bank_version")
    op.drop_table("audit_entry")
    op.drop_table("answer")
    op.execute("DROP FUNCTION audit_entry_is_append_only()")
