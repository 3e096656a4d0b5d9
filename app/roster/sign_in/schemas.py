"""Bodies of signing in."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from app.roster.schemas import Instant, UnitName

if TYPE_CHECKING:
    from app.roster.sign_in.queries import SignedIn

_LONGEST = 1024  # a longer secret is refused unread; argon2 need not chew on it


class TextSize(StrEnum):
    """Text sizes of the pages: 标准, 大, 特大."""

    STANDARD = "standard"
    LARGE = "large"
    EXTRA_LARGE = "extra_large"


class Credentials(BaseModel):
    """What a person signs in with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"account": "ZF001234", "password": "k7m2qxw4ta9hd"}]},
    )

    account: str = Field(max_length=64, description="工号 or 手机号")
    password: str = Field(max_length=_LONGEST)
    cookie: bool = Field(False, description="set by the pages: also put the token into an HttpOnly cookie")


class LinkCode(BaseModel):
    """The code of a one-time sign-in link."""

    code: str = Field(max_length=128, examples=["Qm8Zt2vXJ1nQwY0rB7cDk5Lp"])
    cookie: bool = Field(False, description="set by the pages: also put the token into an HttpOnly cookie")


class PasswordChange(BaseModel):
    """A new password, with the one in force."""

    current_password: str = Field(max_length=_LONGEST)
    new_password: str = Field(
        max_length=_LONGEST, description="8 to 128 signs; not the 工号, the 手机号, or easily guessed (12345678)"
    )


class Preferences(BaseModel):
    """What officers choose for themselves."""

    text_size: TextSize


class NudgePreference(BaseModel):
    """Whether an officer wants the nudges (提示) of unfinished days."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"nudges": False}]})

    nudges: bool = Field(description="true：未完成时接收提示（每日至多两次）；false：不接收")


class Me(BaseModel):
    """The signed-in officer."""

    id: uuid.UUID
    employee_no: str
    name: str
    roles: list[str]
    position: str | None
    unit: UnitName
    must_change_password: bool
    text_size: TextSize
    nudges: bool = Field(description="未完成时是否接收提示")


class Session(BaseModel):
    """A new session: send the token as `Authorization: Bearer <token>`."""

    token: str
    expires_at: Instant
    officer: Me


class NewPassword(BaseModel):
    """A generated password, shown once; it must be changed at sign-in."""

    password: str = Field(examples=["k7m2qxw4ta9hd"])


class NewLink(BaseModel):
    """A one-time sign-in link, shown once, to be printed as a QR code."""

    code: str
    url: str = Field(examples=["https://lianbing.example.cn/#link=Qm8Zt2vXJ1nQwY0rB7cDk5Lp"])
    expires_at: Instant


def me(who: SignedIn) -> Me:
    """Return the body of `GET /me`."""
    officer, unit = who
    return Me(
        id=officer.id,
        employee_no=officer.employee_no,
        name=officer.name,
        roles=list(officer.roles),
        position=officer.position,
        unit=UnitName(id=unit.id, name=unit.name, kind=unit.kind),
        must_change_password=officer.must_change_password,
        text_size=TextSize(officer.text_size),
        nudges=officer.nudges,
    )
