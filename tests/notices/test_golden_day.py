"""One whole day of a bureau as everybody was told it: a tie, an exempt branch, a late 18:00, names for liaison officers.

What the planner wrote is compared with `golden_day.txt`, slot by slot and audience by audience.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from sqlalchemy import select

from app.core.clock import local
from app.notices.models import Notice
from app.roster.models import UnitKind
from tests.notices.helpers import TOMORROW, Groups
from tests.notices.private import People
from tests.notices.robot import Robot
from tests.participation.rows import YESTERDAY, exempt, play
from tests.people import Town
from tests.times import TODAY, instant

GOLDEN = Path(__file__).parent / "golden_day.txt"
BUREAU = "梅州市生态环境局"
BRANCHES = {"梅江": 4, "丰顺": 4, "五华": 3, "平远": 2, "蕉岭": 4}
ORDER = ["organisers", "province", "bureau", "branch", "liaison", "leader", "forecast", "nudge"]
TICKS = [
    *("11:40:10", "11:45:10", "12:00:10", "12:30:10", "17:40:10", "17:45:10"),
    "18:40",  # nothing ran at 18:00
    *("20:00:10", "21:45:10", "22:00:10"),
]


async def bureau(town: Town, robot: Robot) -> Groups:
    """A bureau of five branches on the second day of its contest, each with liaison officer and leader."""
    await town.unit(BUREAU, UnitKind.BUREAU, "省厅")
    groups = Groups(town, robot)
    for position, (short, count) in enumerate(BRANCHES.items()):
        name = f"{BUREAU}{short}分局"
        await town.unit(name, UnitKind.BRANCH, BUREAU, position=position)
        for number in range(1, count + 1):
            person = f"{short}同志{number:03}"
            await town.officer(person, name, wecom_userid=f"b{position}-{number}")
        await town.officer(f"{short}联络", name, roles=["liaison"], takes_part=False, wecom_userid=f"b{position}-lxy")
        await town.officer(f"{short}局长", name, roles=["leader"], takes_part=False, wecom_userid=f"b{position}-jz")
    await town.officer("处长", BUREAU, roles=["bureau"], takes_part=False, wecom_userid="cz")
    await town.contest(BUREAU, starts_on=YESTERDAY)
    await groups.channel(BUREAU)
    await People(groups).channel(BUREAU)
    return groups


async def test_the_day_reads_as_the_golden_one(town: Town, robot: Robot) -> None:
    groups = await bureau(town, robot)
    for short in ("梅江", "丰顺", "蕉岭"):
        await play(town, f"{short}同志001", day=YESTERDAY, opened="09:00", correct=8)
    for number in (1, 2):
        await exempt(town, f"平远同志{number:03}")
    for short in ("梅江", "蕉岭"):
        await play(town, f"{short}同志001", opened="08:00", correct=9)
        await play(town, f"{short}同志002", opened="12:10", correct=9)
        await play(town, f"{short}同志003", opened="19:00", correct=9)
        await play(town, f"{short}同志004", opened="20:30", correct=9)
    await play(town, "丰顺同志001", opened="11:00", correct=8)
    await play(town, "丰顺同志002", opened="11:50", answered=4)
    await play(town, "丰顺同志003", opened="21:30", correct=7)
    await play(town, "五华同志001", opened="17:00", answered=6, correct=5)
    for time in TICKS:
        await groups.tick(time)
    for time in ("07:45:10", "08:00:10"):
        await groups.tick(time, TOMORROW)
    assert await written(groups) == GOLDEN.read_text()


async def written(groups: Groups) -> str:
    """Everything that was said, in the order of slots and audiences; of what was not said the reason."""
    names = {unit: name for name, unit in groups.town.units.items()}
    places = list(groups.town.units.values())
    async with groups.town.services.database.reads() as session:
        found = await session.scalars(select(Notice).where(Notice.slot_at > instant("11:00")))
        notices = sorted(found, key=lambda n: (n.slot_at, ORDER.index(n.audience_kind), places.index(n.audience_id)))
    return "\n".join(
        f"【{day_of(notice.slot_at)} {local(notice.slot_at):%H:%M}　{notice.audience_kind}　{names[notice.audience_id]}"
        f"　{notice.state}{f'：{notice.reason}' if notice.reason else ''}】\n"
        + (f"{notice.title}\n{notice.body}\n" if notice.body else "")
        for notice in notices
    )


def day_of(at: dt.datetime) -> str:
    return "次日" if local(at).date() > TODAY else "当日"
