"""The demo's roster: a bureau of eight branches, as its liaison officer would fill it in."""

from __future__ import annotations

import csv
import io

BUREAU = "梅州市生态环境局"
BRANCHES = {"梅江": 39, "梅县": 45, "兴宁": 51, "平远": 30, "蕉岭": 28, "大埔": 35, "丰顺": 38, "五华": 40}
OWN_STAFF = 48  # 354 in all


def roster_csv() -> bytes:
    """Return the demo's roster as a liaison officer would fill it in."""
    rows = [("工号", "姓名", "手机号", "单位", "股室", "职务", "角色", "参赛")]
    for index, (branch, size) in enumerate(BRANCHES.items(), start=1):
        for number in range(1, size + 1):
            position, role = {1: ("分局局长", "单位负责人"), 2: ("股长", "联络员")}.get(number, ("执法人员", ""))
            section = ("办公室", "执法一股", "执法二股", "监测站")[number % 4]
            name = f"{branch}{number:03}"
            rows.append((name, name, f"199{index:04}{number:04}", f"{branch}分局", section, position, role, "是"))
    for number in range(1, OWN_STAFF + 1):
        name = f"机关{number:03}"
        role = "市局" if number == 1 else ""
        rows.append((name, name, f"1990000{number:04}", BUREAU, "执法监督科", "科员", role, "是"))
    sheet = io.StringIO()
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue().encode("utf-8-sig")
