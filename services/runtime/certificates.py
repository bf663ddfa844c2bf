"""Certificates that are there: where they lie, whether they can be used, and whether they have been renewed.

Whoever renews them (a certificate manager) writes several files, not at once. What is half-written, expired, not valid
yet or missing is not taken: the one in use stays, and the log says so once for each such state of the files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

AUTHORITY = "ca.pem"
PUBLIC_KEY, PUBLIC_CERTIFICATE, PUBLIC_AUTHORITY = "tls.key", "tls.crt", "ca.crt"

log = structlog.get_logger(__name__)

T = TypeVar("T")


class CertificateError(Exception):
    """A certificate can't be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate with its key is, and the authority that it and its peers are checked by (None: nobody's)."""

    key: Path
    certificate: Path
    authority: Path | None

    def read(self) -> tuple[bytes, bytes, bytes | None]:
        """Key, certificate and authority; raises CertificateError when they can't be used right now."""
        key, certificate = _read(self.key), _read(self.certificate)
        authority = None if self.authority is None else _read(self.authority)
        self._require_usable(key, certificate, datetime.now(UTC))
        if self.authority is not None and authority is not None:
            _parsed(self.authority, lambda: x509.load_pem_x509_certificates(authority))
        return key, certificate, authority

    def stamp(self) -> tuple[int, ...]:
        """Changes when a file does, also by its permissions; a missing file has one too."""
        files = [file for file in (self.key, self.certificate, self.authority) if file is not None]
        return tuple(part for file in files for part in _stamp(file))

    def _require_usable(self, key: bytes, certificate: bytes, now: datetime) -> None:
        private = _parsed(self.key, lambda: serialization.load_pem_private_key(key, None))
        leaf = _parsed(self.certificate, lambda: x509.load_pem_x509_certificate(certificate))
        if leaf.public_key() != private.public_key():
            raise CertificateError(f"{self.key} is not the key of {self.certificate}")
        if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
            begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
            raise CertificateError(f"{self.certificate} is valid from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M}")


def internal_pair(folder: Path, service: str) -> Pair:
    """A service's own, for the internal doors."""
    return Pair(folder / f"{service}.key", folder / f"{service}.pem", folder / AUTHORITY)


def public_pair(folder: Path) -> Pair:
    """What the public door shows: the file names are those of a Kubernetes TLS secret."""
    return Pair(folder / PUBLIC_KEY, folder / PUBLIC_CERTIFICATE, None)


class Renewals:
    """Tells when a pair has been renewed since it was last taken."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._taken: tuple[int, ...] = ()
        self._refused: tuple[int, ...] = ()

    def first(self, use: Callable[[], T]) -> T:
        """Takes the pair as it is; raises what `use` raises."""
        stamp = self._pair.stamp()
        made = use()
        self._taken = stamp
        return made

    def next(self, use: Callable[[], T]) -> T | None:
        """What `use` makes of a renewed pair; None when it is the old one still, or can't be used."""
        stamp = self._pair.stamp()
        if stamp == self._taken:
            return None
        try:
            made = use()
        except CertificateError as error:
            if stamp != self._refused:
                log.warning("certificate_unusable", reason=str(error))
            self._refused = stamp
            return None
        self._taken = stamp
        log.info("certificate_renewed")
        return made


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificateError(f"{file}: {error.strerror}") from None


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        seen = file.stat()
    except OSError:
        return (0, 0, 0)
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino


def _parsed(file: Path, parse: Callable[[], T]) -> T:
    try:
        return parse()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateError(f"{file} is not what it should be: a PEM file without a password") from None
