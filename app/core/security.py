"""Secrets: session tokens, password hashes and generated passwords."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from functools import lru_cache
from pathlib import Path

import argon2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

GENERATED = "keyed:"
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # 31 signs that no one mistakes for another
_GENERATED_LENGTH = 13  # 13 x log2(31) = 64 bits
MIN_KEY = 32
MIN_PASSWORD = 8
MAX_PASSWORD = 128


def new_token() -> str:
    """Return an opaque session token of 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return what is stored of a token: it is random, so a plain SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()


def new_password() -> str:
    """Return a generated password of 64 random bits that can be read out and typed on a phone."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED_LENGTH))


def is_generated(stored: str | None) -> bool:
    """Whether a stored form is that of a generated password."""
    return stored is not None and stored.startswith(GENERATED)


class Passwords:
    """Hashes and checks passwords; argon2id runs off the event loop, one at a time in a process.

    Generated passwords are random and get a keyed SHA-256 (cheap enough for 100,000 of them).
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._argon2 = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._one_at_a_time = asyncio.Semaphore(1)
        self._nobody = self._argon2.hash(secrets.token_hex(16))

    def keyed(self, password: str) -> str:
        """Return the stored form of a generated password."""
        return GENERATED + hmac.new(self._key, password.encode(), hashlib.sha256).hexdigest()

    def hash_now(self, password: str) -> str:
        """Return the argon2id hash, in the calling thread: for commands and imports."""
        return self._argon2.hash(password)

    async def hash(self, password: str) -> str:
        """Return the argon2id hash of a chosen password."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._argon2.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one stored; no account costs the same time as a wrong password."""
        if stored is not None and is_generated(stored):
            if hmac.compare_digest(stored, self.keyed(password)):
                return True
            stored = None  # a wrong guess at a generated password takes as long as any other
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._verify, stored, password)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            return self._argon2.verify(stored or self._nobody, password) and stored is not None
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


_SEALED = "sealed:1:"
_SEAL_BYTES = 64


class WrongKey(Exception):
    """A sealed text cannot be opened: it was sealed by another key, elsewhere, or was damaged."""


class Sealer:
    """Seals texts that must be read again, such as a robot's address, under a key derived from the secret key.

    AES-SIV: the same text under the same context is sealed to the same, so that uniqueness can be judged on it.
    """

    def __init__(self, key: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=_SEAL_BYTES, salt=None, info=b"lianbing sealed texts 1")
        self._cipher = AESSIV(derived.derive(key.encode()))

    def seal(self, text: str, *, context: str) -> str:
        """Return the sealed form of a text; it opens only under the same context."""
        sealed = self._cipher.encrypt(text.encode(), [context.encode()])
        return _SEALED + base64.urlsafe_b64encode(sealed).decode()

    def open(self, stored: str, *, context: str) -> str:
        """Return the text; one that was stored before texts were sealed as it is. Raises WrongKey."""
        if not is_sealed(stored):
            return stored
        try:
            sealed = base64.urlsafe_b64decode(stored.removeprefix(_SEALED))
            return self._cipher.decrypt(sealed, [context.encode()]).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise WrongKey from error


def is_sealed(stored: str | None) -> bool:
    """Whether a stored form is that of a sealed text."""
    return stored is not None and stored.startswith(_SEALED)


@lru_cache(maxsize=16)
def sealer(configured: str | None, data_dir: Path | None) -> Sealer:
    """Return the sealer of an installation's secret key; raises ValueError as `secret_key` does."""
    return Sealer(secret_key(configured, data_dir))


def secret_key(configured: str | None, data_dir: Path | None) -> str:
    """Return the configured key, or the one kept in the data folder (made at first use, mode 0600).

    Raises ValueError where there is neither, or the kept one is damaged.
    """
    if configured:
        return configured
    if data_dir is None:
        raise ValueError("请设置 LIANBING_SECRET_KEY（至少32个字符，所有机器相同），例如用 openssl rand -hex 32 生成。")
    path = data_dir / "secret.key"
    if not path.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_key(path)
    key = path.read_text().strip()
    if len(key) < MIN_KEY:
        raise ValueError(f"{path} 中的密钥不完整；请从备份恢复该文件，或删除后重新启动（未改过的初始密码将失效）。")
    return key


def _make_key(path: Path) -> None:
    # Workers start together: the file appears under its name whole, and the first one's stays.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
