"""Settings: what is misspelt or wrong stops the start and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.settings import PREFIX, Settings, SettingsError, load_settings, refuse_unknown


def refused(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings({PREFIX + name: value for name, value in environ.items()})
    return str(caught.value)


def test_without_any_setting_the_defaults_hold() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.database_url, settings.pool_size, settings.scheduler) == (None, 16, True)


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANBING_POOL_SIZE", "20")
    monkeypatch.setenv("LIANBING_DATA_DIR", "/srv/lianbing")
    settings = load_settings()
    assert (settings.pool_size, settings.data_dir) == (20, Path("/srv/lianbing"))


def test_only_the_prefix_makes_a_setting() -> None:
    assert load_settings({"DATABASE_URL": "mysql://x", "POOL_SIZE": "many", "LOG_LEVEL": "noise"}) == Settings()


def test_what_is_given_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANBING_POOL_SIZE", "20")
    assert load_settings({}).pool_size == Settings().pool_size == 16


@pytest.mark.parametrize(
    ("text", "truth"), [("1", True), ("true", True), ("0", False), ("FALSE", False), ("off", False)]
)
def test_truths_are_read(text: str, truth: bool) -> None:
    assert load_settings({"LIANBING_SCHEDULER": text}).scheduler is truth


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_setting_is_none(name: str, empty: str) -> None:
    assert load_settings({PREFIX + name.upper(): empty}) == Settings()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("LIANBING_DATABSE_URL", "LIANBING_DATABASE_URL"),
        ("LIANBING_DATABASE", "LIANBING_DATABASE_URL"),
        ("lianbing_pool_sizes", "LIANBING_POOL_SIZE"),
        ("LIANBING_PORTS", "LIANBING_"),
        ("LIANBING_", "LIANBING_"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(SettingsError, match=f"未知的设置 {name}，最接近的是 {nearest}"):
        refuse_unknown({name: "x"})


@pytest.mark.parametrize(
    "name",
    [
        "LIANBING_SERVICE_HOST",
        "LIANBING_SERVICE_PORT",
        "LIANBING_SERVICE_PORT_HTTP",
        "LIANBING_PORT",
        "LIANBING_PORT_8000_TCP",
        "LIANBING_PORT_8000_TCP_ADDR",
        "PATH",
        "LIANBINGX",
    ],
)
def test_what_kubernetes_injects_is_tolerated(name: str) -> None:
    assert load_settings({name: "tcp://10.0.0.7:8000"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("POOL_SIZE", "many", "应当是整数"),
        ("POOL_SIZE", "1", "不能小于2"),
        ("DRAIN_SECONDS", "601", "不能大于600"),
        ("DRAIN_SECONDS", "nan", "请改正"),
        ("SCHEDULER", "perhaps", "true 或 false"),
        ("LOG_LEVEL", "noise", "、warning、"),
        ("SECRET_KEY", "tooshort", "至少要有32个字"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy", "「proxy」不是 IP 地址或网段"),
        ("DATABASE_URL", "mysql://lb:pw@db/x", "postgresql://"),
        ("DATABASE_URL", "not a url", "postgresql://"),
        ("DATABASE_URL", "postgresql://db:port/x", "postgresql://"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(name: str, value: str, hint: str) -> None:
    message = refused(**{name: value})
    assert f"{PREFIX}{name}：" in message
    assert hint in message


def test_every_wrong_value_is_named_at_once() -> None:
    message = refused(POOL_SIZE="many", LOG_LEVEL="noise")
    assert "LIANBING_POOL_SIZE" in message
    assert "LIANBING_LOG_LEVEL" in message


def test_a_message_does_not_tell_a_secret() -> None:
    assert "geheim" not in refused(SECRET_KEY="geheim", DATABASE_URL="mysql://lb:geheim@db/x")
    with pytest.raises(ValidationError) as caught:
        Settings(secret_key="geheim")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://lb:pw@db:5432/lianbing",
        "postgres://db/x",
        "postgresql+asyncpg://db/x",
        "postgresql:///x?host=/tmp",
    ],
)
def test_every_spelling_of_postgres_is_taken(url: str) -> None:
    assert load_settings({"LIANBING_DATABASE_URL": url}).database_url == url


def test_proxies_are_addresses_or_networks() -> None:
    assert load_settings({"LIANBING_TRUSTED_PROXIES": "10.0.0.0/8, ::1,"}).trusted_proxies == "10.0.0.0/8, ::1,"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().pool_size = 3  # type: ignore[misc]
