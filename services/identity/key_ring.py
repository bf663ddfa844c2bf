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

from services.identity.keys import KEY_BYTES, KeysError, read_secret, write_secret

_NONCE = 12
_FIRST = "kek.key"
_LATER = re.compile(r"kek\.([1-9][0-9]{0,5})\.key")


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
            raise KeysError(f"{self._folder}: {_FIRST} is missing")

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


def create_next_key(folder: Path) -> int:
    """Makes the next key-encryption key and gives its number; services that watch the folder begin to use it."""
    version = max(_files(folder), default=0) + 1
    write_secret(folder / (_FIRST if version == 1 else f"kek.{version}.key"), os.urandom(KEY_BYTES))
    return version


def _files(folder: Path) -> dict[int, Path]:
    later = ((_LATER.fullmatch(file.name), file) for file in folder.glob("kek.*.key"))
    found = {int(match[1]): file for match, file in later if match}
    if (folder / _FIRST).exists():
        found[1] = folder / _FIRST
    return found
