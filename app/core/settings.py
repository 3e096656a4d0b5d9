"""Configuration: `LIANBING_*` environment variables and nothing else; a misspelt one stops the start."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from pathlib import Path  # noqa: TC003 - pydantic reads it at run time
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.core.security import MIN_KEY
from app.core.wording import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "LIANBING_"
_INJECTED_BY_KUBERNETES = re.compile(r"LIANBING_(SERVICE_.*|PORT(_.*)?)")


class SettingsError(Exception):
    """A setting is unknown or wrong; the message says what to do."""


class Settings(BaseModel):
    """All settings with their defaults; README lists the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: str | None = Field(None, description="PostgreSQL URL; empty: the embedded server in the data folder")
    data_dir: Path | None = Field(
        None, description="data folder; empty: /var/lib/lianbing as root, else the user's data home"
    )
    secret_key: str | None = Field(
        None,
        min_length=MIN_KEY,
        description="key of generated passwords and of the channels' secrets, the same on every machine; empty with the embedded "
        "server: made once and kept in the data folder",
    )
    pool_size: int = Field(16, ge=2, le=200, description="database connections a worker process")
    outbound_allow: str = Field(
        "", description="hosts and networks, comma-separated, that channels may reach although they are not public"
    )
    wecom_url: str = Field(
        "https://qyapi.weixin.qq.com", description="WeCom's address for application messages; 粤政易 has one of its own"
    )
    allow_time_travel: bool = Field(False, description="lets `tick --at` act for another instant than now")
    scheduler: bool = Field(True, description="whether this process calls the notice clock")
    drain_seconds: float = Field(0, ge=0, le=600, description="seconds between SIGTERM and the end of accepting")
    log_format: Literal["json", "console"] = Field("json", description="form of log lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level logged")
    trusted_proxies: str = Field(
        "", description="addresses or networks of reverse proxies whose X-Forwarded-For is believed, comma-separated"
    )
    public_url: str = Field("", description="address of the pages, put into notices and sign-in links")
    admin_password: str | None = Field(None, description="password for `create-admin` where no prompt is possible")

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: str | None) -> str | None:
        try:
            known = value is None or make_url(value).get_backend_name() in {"postgresql", "postgres"}
        except (ArgumentError, ValueError):
            known = False
        if not known:
            raise ValueError("应当是 PostgreSQL 的地址，写成 postgresql://用户:密码@主机:5432/库名 的样子。")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for item in filter(None, (part.strip() for part in value.split(","))):
            try:
                ipaddress.ip_network(item, strict=False)
            except ValueError:
                raise ValueError(f"「{item}」不是 IP 地址或网段，写成 10.0.0.0/8 的样子，用逗号分开。") from None
        return value


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Raise SettingsError for a `LIANBING_*` variable that is no setting, with the nearest known name."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in environ:
        spelt = name.upper()
        if not spelt.startswith(PREFIX) or spelt in known or _INJECTED_BY_KUBERNETES.fullmatch(spelt):
            continue
        near = difflib.get_close_matches(spelt, sorted(known), n=1, cutoff=0)
        raise SettingsError(f"未知的设置 {name}，最接近的是 {near[0]}；请改正或删除后再启动。")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment (an empty one counts as not set).

    Raises SettingsError naming what is wrong and what to do.
    """
    environ = os.environ if environ is None else environ
    refuse_unknown(environ)
    given = {name.upper(): value for name, value in environ.items() if value.strip()}
    names = {name: PREFIX + name.upper() for name in Settings.model_fields}
    try:
        return Settings.model_validate({name: given[spelt] for name, spelt in names.items() if spelt in given})
    except ValidationError as error:
        wrong = [f"{PREFIX}{str(problem['loc'][0]).upper()}：{explain(problem)}" for problem in error.errors()]
        raise SettingsError("设置有误。" + " ".join(wrong)) from None
