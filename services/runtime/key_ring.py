"""The key-encryption keys: what wraps each person's data key. Another keeper of keys (a KMS) is another class here.

Keys are numbered files in a folder, `kek.key` being the first and `kek.2.key` the next. The highest wraps what is new;
all of them unwrap. A new file is noticed without a restart, and what the older keys wrapped is wrapped again under it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE = 12
FIRST_KEY = "kek.key"
_LATER = re.compile(r"kek\.([1-9][0-9]{0,5})\.key")


class KeysError(Exception):
    """A key file is missing or not what it should be; the message names the file, never its content."""


class KeyRing(Protocol):
    """Wraps and unwraps data keys; `name` binds what is wrapped to whose it is."""

    @property
    def active(self) -> int: ...
    def wrap(self, name: bytes, key: bytes) -> tuple[int, bytes]: ...
    def unwrap(self, version: int, name: bytes, wrapped: bytes) -> bytes: ...
    def refresh(self) -> None: ...


class FileKeyRing:
    """Keys in a folder, which in a cluster is a mounted secret. Raises KeysError when the first key is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ciphers: dict[int, AESGCM] = {}
        self.refresh()

    @property
    def active(self) -> int:
        """The version that wraps what is new."""
        return max(self._ciphers)

    def refresh(self) -> None:
        """Reads the keys that are new; raises KeysError when one is not 32 bytes."""
        for version, file in _files(self._folder).items():
            if version not in self._ciphers:
                self._ciphers[version] = AESGCM(read_secret(file))
        if not self._ciphers:
            raise KeysError(f"{self._folder}: {FIRST_KEY} is missing")

    def wrap(self, name: bytes, key: bytes) -> tuple[int, bytes]:
        """The version that was used, and the wrapped key."""
        version, nonce = self.active, os.urandom(_NONCE)
        return version, nonce + self._ciphers[version].encrypt(nonce, key, name)

    def unwrap(self, version: int, name: bytes, wrapped: bytes) -> bytes:
        """The key; raises KeysError for a version that is not there, InvalidTag for what was tampered with."""
        if version not in self._ciphers:
            self.refresh()
        if version not in self._ciphers:
            raise KeysError(f"{self._folder}: there is no key-encryption key {version}")
        return self._ciphers[version].decrypt(wrapped[:_NONCE], wrapped[_NONCE:], name)


def create_key(file: Path) -> None:
    """Makes a random key for its owner only; one that exists is left alone."""
    write_secret(file, os.urandom(KEY_BYTES))


def write_secret(file: Path, content: bytes) -> None:
    """Writes a file for its owner only, unless it exists."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(content)


def read_secret(file: Path) -> bytes:
    """The 32 bytes in a file; raises KeysError, which never shows them."""
    try:
        content = file.read_bytes()
    except OSError:
        raise KeysError(f"{file}: a key is missing or malformed") from None
    if len(content) != KEY_BYTES:
        raise KeysError(f"{file}: a key is missing or malformed")
    return content


def create_next_key(folder: Path) -> int:
    """Makes the next key-encryption key and gives its number; services that watch the folder begin to use it."""
    version = max(_files(folder), default=0) + 1
    create_key(folder / (FIRST_KEY if version == 1 else f"kek.{version}.key"))
    return version


def _files(folder: Path) -> dict[int, Path]:
    later = ((_LATER.fullmatch(file.name), file) for file in folder.glob("kek.*.key"))
    found = {int(match[1]): file for match, file in later if match}
    if (folder / FIRST_KEY).exists():
        found[1] = folder / FIRST_KEY
    return found
