"""Mutual TLS between services: who a service is stands in its certificate, as `<service>.freehold.internal`.

`up` makes a certificate authority of its own in its home; in a cluster the same files come from a certificate manager.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 365
AUTHORITY = "ca.pem"


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
        _issue(folder, service, authority, key)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "freehold internal authority")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        _builder(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _issue(folder: Path, service: str, authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name_of(service))])
    names = [
        x509.DNSName(name_of(service)),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        _builder(subject, authority.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(both, critical=False)
        .sign(signer, hashes.SHA256())
    )
    (folder / f"{service}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / f"{service}.key"
    secret.touch(mode=0o600)
    secret.write_bytes(
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


def _pair(folder: Path, service: str) -> tuple[bytes, bytes]:
    return (folder / f"{service}.key").read_bytes(), (folder / f"{service}.pem").read_bytes()


def server_credentials(folder: Path, service: str) -> grpc.ServerCredentials:
    """Credentials of an internal port: peers without a certificate of our authority do not get in."""
    authority = (folder / AUTHORITY).read_bytes()
    return grpc.ssl_server_credentials([_pair(folder, service)], authority, require_client_auth=True)


def channel_credentials(folder: Path, service: str) -> grpc.ChannelCredentials:
    """Credentials with which `service` calls its peers."""
    key, certificate = _pair(folder, service)
    return grpc.ssl_channel_credentials((folder / AUTHORITY).read_bytes(), key, certificate)
