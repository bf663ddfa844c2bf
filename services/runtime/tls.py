"""Mutual TLS between services: who a service is stands in its certificate, as `<service>.freehold.internal`.

`up` makes a certificate authority of its own in its home; in a cluster the same files come from a certificate manager.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.runtime.certificates import AUTHORITY, PUBLIC_AUTHORITY, Pair, Renewals, internal_pair, public_pair

VALID_DAYS = 365


def name_of(service: str) -> str:
    """The name that a service's certificate carries."""
    return f"{service}.freehold.internal"


def create_certificates(folder: Path, services: list[str]) -> None:
    """Makes an authority and one certificate per service in `folder`; the authority's key is forgotten at once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(key, "freehold internal authority")
    (folder / AUTHORITY).write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for service in services:
        pair = internal_pair(folder, service)
        _issue(pair, name_of(service), authority, key)


def create_public_certificate(folder: Path) -> None:
    """Makes an authority and a certificate for the public doors of this machine; the authority's key is forgotten."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(key, "freehold public authority")
    (folder / PUBLIC_AUTHORITY).write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    _issue(public_pair(folder), "localhost", authority, key)


def _authority(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
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


def server_credentials(pair: Pair) -> grpc.ServerCredentials:
    """Credentials of a port; a new connection gets the certificate that is there by then.

    With an authority, peers without a certificate of it do not get in. grpc asks with every new connection, from a
    thread of its own. Raises CertificateError.
    """
    renewals = Renewals(pair)

    def configuration() -> Any:
        key, certificate, authority = pair.read()
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)

    def renewed() -> Any:
        return renewals.next(configuration)

    return grpc.dynamic_ssl_server_credentials(
        renewals.first(configuration),
        renewed,
        require_client_authentication=pair.authority is not None,
    )


def channel_credentials(pair: Pair) -> grpc.ChannelCredentials:
    """Credentials with which a service calls its peers; raises CertificateError."""
    key, certificate, authority = pair.read()
    return grpc.ssl_channel_credentials(authority, key, certificate)
