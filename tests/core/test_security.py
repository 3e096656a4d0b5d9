"""Secrets: tokens, passwords and the key of generated ones."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.security import Passwords, is_generated, new_password, new_token, secret_key, token_hash
from tests.times import SECRET


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(SECRET)


def test_tokens_are_random_and_kept_as_hashes() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43
    assert {len(token_hash(token)) for token in tokens} == {32}
    assert len({token_hash(token) for token in tokens}) == 100


def test_generated_passwords_can_be_read_out() -> None:
    generated = {new_password() for _ in range(100)}
    assert len(generated) == 100
    assert {len(password) for password in generated} == {13}
    assert not set("".join(generated)) & set("01ilo")


async def test_a_chosen_password(passwords: Passwords) -> None:
    stored = await passwords.hash("练兵二〇二六")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not is_generated(stored)
    assert await passwords.verify(stored, "练兵二〇二六")
    assert not await passwords.verify(stored, "练兵二〇二五")
    assert await passwords.verify(passwords.hash_now("abc"), "abc")


async def test_a_generated_password(passwords: Passwords) -> None:
    password = new_password()
    stored = passwords.keyed(password)
    assert is_generated(stored)
    assert password not in stored
    assert await passwords.verify(stored, password)
    assert not await passwords.verify(stored, password + "x")
    assert not await Passwords(SECRET[::-1]).verify(stored, password)


async def test_nobodys_password_is_never_right(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "")
    assert not await passwords.verify(None, "x" * 32)
    assert not is_generated(None)


@pytest.mark.parametrize("stored", ["", "keyed:", "$argon2id$broken", "plain", "plain:x"])
async def test_a_damaged_hash_lets_nobody_in(passwords: Passwords, stored: str) -> None:
    for password in ("", stored, "plain"):
        assert not await passwords.verify(stored, password)


@settings(max_examples=20)
@given(st.text(max_size=20), st.text(max_size=20))
def test_equal_generated_passwords_have_equal_forms(one: str, other: str) -> None:
    passwords = Passwords(SECRET)
    one, other = (text.encode(errors="replace").decode() for text in (one, other))
    assert (passwords.keyed(one) == passwords.keyed(other)) == (one == other)


def test_the_configured_key_counts(tmp_path: Path) -> None:
    assert secret_key("c" * 32, tmp_path) == "c" * 32
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    key = secret_key(None, folder)
    assert len(key) == 64
    assert secret_key(None, folder) == secret_key("", folder) == key
    assert [file.name for file in folder.iterdir()] == ["secret.key"]
    assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
    assert secret_key(None, tmp_path) != key


def test_workers_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    together = threading.Barrier(8)
    keys: list[str] = []

    def start() -> None:
        together.wait()
        keys.append(secret_key(None, tmp_path))

    workers = [threading.Thread(target=start) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("content", ["", "\n", "half"])
def test_a_damaged_key_is_not_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret.key").write_text(content)
    with pytest.raises(ValueError, match=r"secret\.key 中的密钥不完整"):
        secret_key(None, tmp_path)


def test_without_a_key_and_a_folder_the_start_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="LIANBING_SECRET_KEY"):
        secret_key(None, None)
