"""The gateway's protocol: which requests are an app's, and how answers and notices are signed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from services.sandbox.hosting import ApiError, CannotStart

Node = dict[str, Any]
SHANGHAI = timezone(timedelta(hours=8))
_TIME = "%Y-%m-%d %H:%M:%S"
_YUAN = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
_NEEDED = ("app_id", "method", "charset", "sign_type", "sign", "timestamp", "version", "biz_content")


class GatewayError(ApiError):
    """A request that the gateway itself turns away, before any business and before anything is written."""

    def __init__(self, code: str, sub_code: str) -> None:
        super().__init__(200, code, sub_code)
        self.sub_code = sub_code


class Signatures:
    """Alipay's key pair, kept in `home`, and the public key of the one app that may call."""

    def __init__(self, home: Path, app_public_key: Path) -> None:
        self._own = _own_key(home)
        try:
            app = load_pem_public_key(app_public_key.read_bytes())
        except (OSError, ValueError) as error:
            raise CannotStart(f"cannot read the app's public key: {type(error).__name__}") from None
        if not isinstance(app, rsa.RSAPublicKey):
            raise CannotStart("the app's public key is no RSA key")
        self._app = app

    def sign(self, content: str) -> str:
        """Alipay's signature."""
        return base64.b64encode(self._own.sign(content.encode(), PKCS1v15(), SHA256())).decode()

    def verify(self, parameters: Mapping[str, str]) -> bool:
        """Whether parameters carry the app's signature."""
        content = joined({name: value for name, value in parameters.items() if value}, ("sign",))
        try:
            signature = base64.b64decode(parameters["sign"], validate=True)
            self._app.verify(signature, content.encode(), PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    def answer(self, method: str, node: Node) -> str:
        """A response's body: the node and a signature over it as it stands there, slashes escaped as Alipay does."""
        text = json.dumps(node, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
        return f'{{"{method.replace(".", "_")}_response":{text},"sign":"{self.sign(text)}"}}'


def checked(parameters: Mapping[str, str], app_id: str, signatures: Signatures) -> Node:
    """The `biz_content` of an app's request; raises GatewayError."""
    for name in _NEEDED:
        if not parameters.get(name):
            raise GatewayError("40001", f"isv.missing-{name.replace('_', '-')}")
    if parameters["app_id"] != app_id:
        raise GatewayError("40002", "isv.invalid-app-id")
    if parameters["sign_type"] != "RSA2" or not signatures.verify(parameters):
        raise GatewayError("40002", "isv.invalid-signature")
    try:
        moment(parameters["timestamp"])
    except ValueError:
        raise GatewayError("40002", "isv.invalid-timestamp") from None
    try:
        content = json.loads(parameters["biz_content"])
    except (ValueError, RecursionError):
        raise GatewayError("40002", "isv.invalid-parameter") from None
    if not isinstance(content, dict):
        raise GatewayError("40002", "isv.invalid-parameter")
    return content


def joined(parameters: Mapping[str, str], without: Collection[str]) -> str:
    """What a signature over parameters covers."""
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if name not in without)


def yuan(minor: int) -> str:
    """Fen as yuan with two decimals."""
    return f"{minor // 100}.{minor % 100:02d}"


def fen(text: object) -> int:
    """Yuan as fen, at least one; raises GatewayError."""
    found = _YUAN.fullmatch(text) if isinstance(text, str) else None
    amount = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    if not amount:
        raise GatewayError("40002", "isv.invalid-parameter")
    return amount


def written(ms: int) -> str:
    """A time as Alipay writes it, in Shanghai."""
    return datetime.fromtimestamp(ms / 1000, SHANGHAI).strftime(_TIME)


def moment(text: str) -> datetime:
    """A time that was written so; raises ValueError."""
    return datetime.strptime(text, _TIME).replace(tzinfo=SHANGHAI)


def _own_key(home: Path) -> rsa.RSAPrivateKey:
    path = home / "alipay_private_key.pem"
    if not path.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (home / "alipay_public_key.pem").write_bytes(public)
        whole = path.with_suffix(".new")
        whole.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        whole.replace(path)
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CannotStart("the stand-in's own key is no RSA key")
    return key
