"""Encrypted data as a value: what a store keeps and only the keeper of the key-encryption keys can open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sealed:
    """Personal data as it is stored: encrypted under a key of its own, which is encrypted in turn."""

    wrapped_key: bytes
    data: bytes
    key_version: int = 1
