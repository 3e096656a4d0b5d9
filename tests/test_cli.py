"""The `lianbing` command as an operator types it, on a real database."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from app.cli import BANK, main
from tests.bank.banks import FACTS, INSTRUMENTS, question, write_bank
from tests.times import SECRET

ROSTER = "工号,姓名,手机号,单位\n梅江001,张三,19900000001,梅江分局\n梅江002,李四,19900000002,梅江分局\n"


class Operator:
    """Runs commands against one database and looks into it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.environ: dict[str, str | None] = {
            "LIANBING_DATABASE_URL": url,
            "LIANBING_DATA_DIR": str(folder),
            "LIANBING_SECRET_KEY": SECRET,
        }

    def run(self, *arguments: str, **more: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env=self.environ | more, catch_exceptions=False)

    def ask(self, query: str) -> Any:
        async def once() -> Any:
            connection = await asyncpg.connect(self.url)
            try:
                return await connection.fetchval(query)
            finally:
                await connection.close()

        return asyncio.run(once())


@pytest.fixture
def operator(database_url: str, tmp_path: Path) -> Operator:
    return Operator(database_url, tmp_path)


@pytest.fixture
def bureau(operator: Operator) -> Operator:
    made = operator.run(
        "create-admin",
        "--employee-no",
        "管理员001",
        "--name",
        "管理员",
        "--bureau",
        "市局",
        LIANBING_ADMIN_PASSWORD="a good password",
    )
    assert made.exit_code == 0, made.output
    return operator


def test_migrate_again_and_again(operator: Operator) -> None:
    assert operator.run("migrate").exit_code == 0
    assert operator.run("migrate").output == "数据库结构已是最新。\n"


def test_without_tables_it_says_what_to_do(operator: Operator) -> None:
    operator.ask("DROP SCHEMA public CASCADE")
    operator.ask("CREATE SCHEMA public")
    refused = operator.run("verify")
    assert refused.exit_code == 1
    assert "lianbing migrate" in refused.output


def test_create_admin_once_and_again_for_a_lost_password(bureau: Operator) -> None:
    assert bureau.ask("SELECT roles FROM officer WHERE employee_no = '管理员001'") == ["admin"]
    stored = bureau.ask("SELECT password_hash FROM officer")
    again = ("create-admin", "--employee-no", "管理员001", "--name", "管理员", "--bureau")
    refused = bureau.run(*again, "别的市局", LIANBING_ADMIN_PASSWORD="a better password")
    assert (refused.exit_code, bureau.ask("SELECT password_hash FROM officer")) == (1, stored)
    assert "管理员001" in refused.output
    done = bureau.run(*again, "市局", LIANBING_ADMIN_PASSWORD="a better password")
    assert (done.exit_code, done.output) == (0, "已设置新密码，原有登录全部失效：管理员 管理员（管理员001）。\n")
    assert bureau.ask("SELECT password_hash FROM officer") != stored
    assert bureau.ask("SELECT count(*) FROM officer") == 1


def test_create_admin_wants_a_password_worth_the_name(operator: Operator) -> None:
    refused = operator.run(
        "create-admin",
        "--employee-no",
        "管理员001",
        "--name",
        "管理员",
        "--bureau",
        "市局",
        LIANBING_ADMIN_PASSWORD="short",
    )
    assert refused.exit_code == 1
    assert "8" in refused.output
    assert operator.ask("SELECT count(*) FROM officer") == 0


def test_import_roster(bureau: Operator, tmp_path: Path) -> None:
    file = tmp_path / "名册.csv"
    file.write_text(ROSTER, encoding="gb18030")
    refused = bureau.run("import-roster", str(file), "--bureau", "市局")
    assert refused.exit_code == 1
    assert "第2行 单位" in refused.output
    assert bureau.ask("SELECT count(*) FROM officer") == 1
    done = bureau.run("import-roster", str(file), "--bureau", "市局", "--create-units")
    assert (done.exit_code, done.output) == (0, "共2行：新增2，更改0，未变0。\n")
    again = bureau.run("import-roster", str(file), "--bureau", "市局")
    assert again.output == "共2行：新增0，更改0，未变2。\n"


def test_import_questions_twice(operator: Operator) -> None:
    first = operator.run("import-questions")
    assert first.exit_code == 0, first.output
    assert operator.ask("SELECT count(*) FROM question WHERE state = 'in_use'") >= 120
    count = operator.ask("SELECT count(*) FROM question")
    version = operator.ask("SELECT version FROM bank_version")
    again = operator.run("import-questions")
    assert f"新增0，更改0，未变{count}" in again.output
    assert operator.ask("SELECT version FROM bank_version") == version


def test_a_bureaus_file_is_checked_taken_over_and_written_again(bureau: Operator, tmp_path: Path) -> None:
    bureau.run("import-questions")
    file = tmp_path / "题.txt"
    file.write_text("1. 处罚前应当告知。\n答案：对\n", encoding="utf-8")
    of_bureau = ("--bureau", "市局")
    told = "共1行：新增1，更改0，未变0。\n1题存为草稿，由另一位管理员复核后启用。\n"
    assert bureau.run("import-questions", str(file), *of_bureau, "--dry-run").output == told
    assert bureau.run("import-questions", str(file), *of_bureau).output == told
    book = tmp_path / "题.xlsx"
    assert bureau.run("export-questions", str(book), *of_bureau).output == f"已导出1题：{book}。\n"
    assert bureau.run("import-questions", str(book), *of_bureau).output == "共1行：新增0，更改0，未变1。\n"


def test_the_shared_bank_written_to_a_folder_is_the_same_bank(operator: Operator, tmp_path: Path) -> None:
    operator.run("import-questions")
    folder = tmp_path / "bank"
    assert operator.run("export-questions", str(folder)).exit_code == 0
    (folder / "law").symlink_to(BANK / "law")
    count = operator.ask("SELECT count(*) FROM question")
    assert operator.run("import-questions", str(folder)).output == f"共{count}行：新增0，更改0，未变{count}。\n"
    again = operator.run("export-questions", str(folder))
    assert (again.exit_code, "已有题目文件" in again.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("题.txt",), "单个文件要用 --bureau"),
        ((".", "--dry-run"), "--dry-run 只用于单个文件"),
        (("题.txt", "--bureau", "没有的局"), "没有找到市局或省厅“没有的局”，请核对名称。"),
        (("题.doc", "--bureau", "市局"), "在 Word 里另存为 .docx"),
    ],
)
def test_what_cannot_be_imported_is_told(
    operator: Operator, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    for name in ("题.txt", "题.doc"):
        (tmp_path / name).write_text("1. 处罚前应当告知。\n答案：对\n", encoding="utf-8")
    told = operator.run("import-questions", str(tmp_path / arguments[0]), *arguments[1:])
    assert (told.exit_code, said in told.output) == (1, True), told.output


def test_confirm_basis_and_withdraw(operator: Operator) -> None:
    operator.run("import-questions")
    confirm = ("confirm-basis", "排污许可管理办法(2024)", "--by", "法制科 李明", "--on", "2026-08-20")
    assert operator.run(*confirm).output.startswith("已确认《排污许可管理办法(2024)》，")
    assert operator.run(*confirm).output == "《排污许可管理办法(2024)》没有变化。\n"
    assert operator.ask("SELECT confirmed_by FROM instrument WHERE confirmed_by IS NOT NULL") == "法制科 李明"
    assert operator.run(*confirm[:2], "--withdraw").output.startswith("已撤回《排污许可管理办法(2024)》的确认，")
    assert operator.run(*confirm[:2]).exit_code == 2
    unknown = operator.run("confirm-basis", "排污许可管理办发", *confirm[2:])
    assert (unknown.exit_code, "最接近的是《排污许可管理办法》" in unknown.output) == (1, True)


def test_check_bank(operator: Operator, tmp_path: Path) -> None:
    good = operator.run("check-bank")
    assert good.exit_code == 0, good.output
    (tmp_path / "bad.yaml").write_text("- code: x\n", encoding="utf-8")
    bad = operator.run("check-bank", str(tmp_path))
    assert bad.exit_code == 1
    assert "bad.yaml" in bad.output


def test_tick(bureau: Operator) -> None:
    assert "没有到时的通报" in bureau.run("tick").output
    refused = bureau.run("tick", "--at", "2026-11-23T08:00:15")
    assert refused.exit_code == 1
    assert "--dry-run" in refused.output
    assert bureau.run("tick", "--at", "2026-11-23T08:00:15", "--dry-run").exit_code == 0
    assert bureau.run("tick", "--at", "2026-11-23T08:00:15+08:00", LIANBING_ALLOW_TIME_TRAVEL="1").exit_code == 0
    nonsense = bureau.run("tick", "--at", "eight o'clock")
    assert nonsense.exit_code == 1


def test_verify(bureau: Operator) -> None:
    sound = bureau.run("verify")
    assert (sound.exit_code, sound.output.splitlines()[-1]) == (0, "全部相符。")
    assert bureau.run("verify", "--day", "2026-11-23").exit_code == 0
    bureau.ask("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only")
    bureau.ask("UPDATE audit_entry SET action = 'nothing.happened'")
    broken = bureau.run("verify")
    assert broken.exit_code == 1
    assert "审计日志的链条在第1条处断开" in broken.output


def test_a_misspelt_setting_stops_every_command(operator: Operator) -> None:
    refused = operator.run("migrate", LIANBING_POOLSIZE="4")
    assert refused.exit_code == 1
    assert "LIANBING_POOL_SIZE" in refused.output


def test_bench_answers_measures_both_sides(operator: Operator) -> None:
    measured = operator.run("bench", "answers", "--rounds", "1", "--seconds", "1", "--clients", "8")
    assert measured.exit_code == 0, measured.output
    lines = measured.output.splitlines()
    assert [line.split()[0] for line in lines if "answers/s   p50" in line] == ["pgbench", "lianbing"]
    assert lines[-1].startswith("median ratio lianbing / pgbench:")


def test_bench_matches_tells_every_answer_and_what_a_poll_reads(operator: Operator) -> None:
    measured = operator.run("bench", "matches", "--sockets", "4", "--seconds", "8", "--papers", "1000")
    assert measured.exit_code == 0, measured.output
    assert "sockets: 4 of 4 at one process stayed open" in measured.output
    assert measured.output.count("to the opponent's socket: p50") == 2
    assert "not told within a second or more: 0" in measured.output
    assert "a poll: 3 statements, 2 of them read tables" in measured.output
    assert measured.output.count("sequentially: none") == 2


def test_the_draw_is_measured_beside_a_plain_one(operator: Operator) -> None:
    printed = operator.run("bench", "draw", "--rounds", "2").output.splitlines()
    assert [line.split()[:2] for line in printed[1:5]] == [
        ["600", "0"],
        ["600", "210"],
        ["10000", "0"],
        ["10000", "1000"],
    ]
    assert printed[5].startswith("目标：一份试卷少于5毫秒")


def test_why_needs_a_quiz(bureau: Operator) -> None:
    refused = bureau.run("why", "梅江001", "2026-11-23")
    assert refused.exit_code == 1
    assert "没有找到工号 梅江001 在2026-11-23的每日一测，请核对工号和日期。" in refused.output


def test_a_tick_retires_what_rests_on_ended_law(operator: Operator, tmp_path: Path) -> None:
    operator.run("migrate")
    ended = [{**INSTRUMENTS[0], "in_force_to": dt.date(2022, 1, 1)}, INSTRUMENTS[1]]
    write_bank(tmp_path / "bank", [question()], instruments=ended)
    assert operator.run("import-questions", str(tmp_path / "bank")).exit_code == 0
    assert "题库：" not in operator.run("tick", "--dry-run").output
    assert "题库：依据到期停用1题，依据恢复启用0题，新发现即将到期的依据0部。" in operator.run("tick").output
    assert operator.ask("SELECT state FROM question") == "retired"
    assert "题库：" not in operator.run("tick").output


def test_bench_notices_plans_every_slot_and_compares_with_the_target(operator: Operator) -> None:
    measured = operator.run("bench", "notices", "--officers", "40", "--branches", "4", "--rounds", "1")
    assert measured.exit_code == 0, measured.output
    lines = measured.output.splitlines()
    assert lines[1].startswith("单位6个，人员41人")
    slots = [line for line in lines if "倍；通报" in line]
    assert [line[:5] for line in slots] == ["08:00", "11:40", "11:45", "12:00", "12:30", "15:00", "18:00", "22:00"]
    assert [line[:5] for line in slots if "通报0份" in line] == ["15:00"]
    assert all("消息0条" not in line for line in slots if line[:5] != "15:00")
    assert "目标 5 秒以内：" in lines[-1]
    assert "进程占内存" in lines[-1]


def test_an_import_tells_whose_confirmation_lapsed(operator: Operator, tmp_path: Path) -> None:
    folder = write_bank(tmp_path / "bank", [question()])
    operator.run("import-questions", str(folder))
    operator.run("confirm-basis", "行政处罚法", "--by", "法制科 李明", "--on", "2026-08-20")
    assert "失效" not in operator.run("import-questions", str(folder)).output
    write_bank(
        folder, [question()], instruments=[{**INSTRUMENTS[0], "in_force_from": dt.date(2026, 1, 1)}, INSTRUMENTS[1]]
    )
    told = operator.run("import-questions", str(folder)).output
    assert "《行政处罚法》登记的文本有变化，原来的确认已经失效" in told
    assert "lianbing confirm-basis '行政处罚法' --by 姓名 --on 日期" in told


def test_the_operator_is_told_whose_own_questions_wait_again(bureau: Operator, tmp_path: Path) -> None:
    doubtful = {"confidence": "medium", "force_check": "unverified_after_2026-08-15"}
    folder, own = tmp_path / "bank", tmp_path / "own"
    write_bank(folder, [question(state="to_confirm")], facts=[FACTS[0] | doubtful, FACTS[1]])
    bureau.run("import-questions", str(folder))
    confirm = ("confirm-basis", "行政处罚法", "--by", "法制科 李明", "--on", "2026-08-20")
    bureau.run(*confirm)
    bureau.run("import-questions", str(write_bank(own, [question("市-1")])), "--bureau", "市局")
    reviewed = "UPDATE question SET state = 'in_use' WHERE code = '市-1' RETURNING code"  # as if two people had
    told = "各单位自己的题目中，有1题的依据不再可靠，回到待复核：市局1题。"
    assert bureau.ask(reviewed) == "市-1"
    assert told in bureau.run(*confirm[:2], "--withdraw").output
    assert bureau.ask(reviewed) == "市-1"
    assert told in bureau.run("import-questions", str(folder)).output
    assert told not in bureau.run("import-questions", str(folder)).output
