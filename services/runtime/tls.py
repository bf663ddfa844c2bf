"""Mutual TLS between services: who a service is stands in its certificate, as `<service>.freehold.internal`.

`up` makes a certificate authority of its own in its home; in a cluster the same files come from a certificate manager.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 365
AUTHORITY = "ca.pem"
PUBLIC_KEY, PUBLIC_CERTIFICATE, PUBLIC_AUTHORITY = "tls.key", "tls.crt", "ca.crt"

log = structlog.get_logger(__name__)


def name_of(service: str) -> str:
    """The name that a service's certificate carries."""
    return f"{service}.freehold.internal"


def create_certificates(folder: Path, services: list[str]) -> None:
    """Makes an authority and one certificate per service in `folder`; the authority's key is forgotten at once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(key)
    (folder / AUTHORITY).write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for service in services:
        pair = internal_pair(folder, service)
        _issue(pair, name_of(service), authority, key)


def create_public_certificate(folder: Path) -> None:
    """Makes an authority and a certificate for the public doors of this machine; the authority's key is forgotten."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(key)
    (folder / PUBLIC_AUTHORITY).write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    _issue(public_pair(folder), "localhost", authority, key)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "freehold internal authority")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        _builder(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _issue(pair: Pair, name: str, authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [
        *(x509.DNSName(dns) for dns in dict.fromkeys((name, "localhost"))),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        _builder(subject, authority.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(both, critical=False)
        .sign(signer, hashes.SHA256())
    )
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pair.key.touch(mode=0o600)
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate with its key is, and the authority that it and its peers are checked by (None: nobody's)."""

    key: Path
    certificate: Path
    authority: Path | None

    def read(self) -> tuple[bytes, bytes, bytes | None]:
        """Key, certificate and authority; raises OSError."""
        return (
            self.key.read_bytes(),
            self.certificate.read_bytes(),
            None if self.authority is None else self.authority.read_bytes(),
        )

    def stamp(self) -> tuple[int, ...]:
        """Changes when a file does; raises OSError when one is missing."""
        files = [file for file in (self.key, self.certificate, self.authority) if file is not None]
        return tuple(part for seen in map(Path.stat, files) for part in (seen.st_mtime_ns, seen.st_size, seen.st_ino))


def internal_pair(folder: Path, service: str) -> Pair:
    """A service's own, for the internal doors."""
    return Pair(folder / f"{service}.key", folder / f"{service}.pem", folder / AUTHORITY)


def public_pair(folder: Path) -> Pair:
    """What the public door shows: the file names are those of a Kubernetes TLS secret."""
    return Pair(folder / PUBLIC_KEY, folder / PUBLIC_CERTIFICATE, None)


def server_credentials(pair: Pair) -> grpc.ServerCredentials:
    """Credentials of a port; a new connection gets the certificate that is there by then.

    With an authority, peers without a certificate of it do not get in. Files that cannot be read leave the old ones.
    """
    reading = _Reading(pair)
    return grpc.dynamic_ssl_server_credentials(
        reading.configuration(), reading.fresh, require_client_authentication=pair.authority is not None
    )


class _Reading:
    """Reads a pair again when its files have changed; grpc asks with every new connection, from a thread of its own."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._stamp = pair.stamp()

    def configuration(self) -> Any:
        key, certificate, authority = self._pair.read()
        _must_fit(key, certificate)
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)

    def fresh(self) -> Any:
        try:
            stamp = self._pair.stamp()
            if stamp == self._stamp:
                return None
            configuration = self.configuration()
        except (OSError, ValueError) as error:
            log.warning("certificate_unreadable", error_type=type(error).__name__)
            return None
        self._stamp = stamp
        log.info("certificate_read_again")
        return configuration


def channel_credentials(pair: Pair) -> grpc.ChannelCredentials:
    """Credentials with which a service calls its peers; raises OSError, or ValueError when the two do not fit."""
    key, certificate, authority = pair.read()
    _must_fit(key, certificate)
    return grpc.ssl_channel_credentials(authority, key, certificate)


def _must_fit(key: bytes, certificate: bytes) -> None:
    """Raises ValueError for files that are caught half-written: grpc would end every connection."""
    public = serialization.load_pem_private_key(key, None).public_key()
    if x509.load_pem_x509_certificate(certificate).public_key() != public:
        raise ValueError("the key is not the certificate's")
