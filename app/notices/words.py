"""The words in which a bureau's notice and a province's differ."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """How the audience, the ranked units and what belongs to none of them are called."""

    greeting: str
    greeting_alone: str
    each: str
    others: str
    one: str
    headquarters: str
    whole: str
    ranking: str
    helpers: str


CITY = Words(
    greeting="各分局、机关各科室：",
    greeting_alone="机关各科室：",
    each="各分局",
    others="其他分局",
    one="分局",
    headquarters="市本级",
    whole="全市",
    ranking="分局排名",
    helpers="各联络员",
)
PROVINCE = Words(
    greeting="各市局、厅机关各处室：",
    greeting_alone="厅机关各处室：",
    each="各市",
    others="其他市",
    one="市局",
    headquarters="省本级",
    whole="全省",
    ranking="各市排名",
    helpers="各市局",
)
