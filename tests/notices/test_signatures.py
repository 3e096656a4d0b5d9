"""Signatures against answers that `openssl dgst -sha256 -mac HMAC` gave, and the example of Standard Webhooks."""

from __future__ import annotations

import datetime as dt
from urllib.parse import unquote, urlsplit

import pytest

from app.notices.channels import dingtalk, feishu, webhook
from app.notices.channels.base import Adapter, Message, Way
from app.notices.channels.line import Post
from app.notices.channels.wecom_robot import RobotOptions, WecomRobot
from tests.times import instant

AT = dt.datetime.fromtimestamp(1599360473, dt.UTC)


def posted(adapter: Adapter, secret: str | None, text: str = "正文", picture: bytes | None = None) -> Post:
    message = Message("key", "标题", text, AT, instant("12:00"), picture=picture)
    return adapter.post(Way("https://vendor.example/send?a=1", secret, RobotOptions()), message)


def test_dingtalk_signs_timestamp_and_secret() -> None:
    assert dingtalk.signature("this is secret", 1577262236757) == "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="


def test_dingtalk_puts_the_sign_into_the_address_with_nothing_lost() -> None:
    query = urlsplit(posted(dingtalk.DingTalk(), "this is secret").url).query
    assert query.startswith("a=1&timestamp=1599360473000&sign=")
    sign = unquote(query.split("sign=")[1])
    assert sign == dingtalk.signature("this is secret", 1599360473000)
    assert not set("+/") & set(query.split("sign=")[1])


def test_feishu_signs_nothing_by_timestamp_and_secret() -> None:
    assert feishu.signature("demo", 1599360473) == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
    assert (
        b'"timestamp":"1599360473","sign":"l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="'
        in posted(feishu.Feishu(), "demo").content
    )


@pytest.mark.parametrize("adapter", [dingtalk.DingTalk(), feishu.Feishu()])
def test_without_a_secret_nothing_is_signed(adapter: Adapter) -> None:
    post = posted(adapter, None)
    assert post.url == "https://vendor.example/send?a=1"
    assert b"sign" not in post.content


def test_a_webhook_is_signed_as_the_standards_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = webhook.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_picture_for_wecom_carries_its_md5() -> None:
    content = posted(WecomRobot(), None, picture=b"\x89PNG").content
    assert content == b'{"msgtype":"image","image":{"base64":"iVBORw==","md5":"3bdaf5969285188ac756c339f69f5c79"}}'


@pytest.mark.parametrize("wrong", ["secret", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "whsec_中文"])
def test_a_webhooks_secret_has_its_form(wrong: str) -> None:
    assert "whsec_" in str(webhook.Webhook().secret_problem(wrong))
