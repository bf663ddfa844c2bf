"""Who signed what: the merchant's requests are checked, our answers and notices are signed, notices are sealed.

request   METHOD\\npath?query\\ntimestamp\\nnonce\\nbody\\n      by the merchant, in Authorization
answer    timestamp\\nnonce\\nbody\\n                          by us, in Wechatpay-Signature
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from services.sandbox.hosting import ApiError, CannotStart

SCHEMA = "WECHATPAY2-SHA256-RSA2048"
_PART = re.compile(r'(\w+)="([^"]*)"')
_OLDEST_SECONDS = 300


@dataclass(frozen=True)
class Keys:
    """Our private key by its public half's id, and the merchant's public key by its certificate's serial number."""

    key_id: str
    private: RSAPrivateKey
    merchant_id: str
    merchant_serial: str
    merchant: RSAPublicKey

    @classmethod
    def read(cls, folder: Path, merchant_id: str, merchant_serial: str) -> Keys:
        """`platform_key.pem`, `platform_key_id` and `merchant_public_key.pem` of a folder; raises CannotStart."""
        try:
            private = load_pem_private_key((folder / "platform_key.pem").read_bytes(), None)
            merchant = load_pem_public_key((folder / "merchant_public_key.pem").read_bytes())
            key_id = (folder / "platform_key_id").read_text("ascii").strip()
        except (OSError, ValueError) as error:
            raise CannotStart(f"cannot use the keys: {type(error).__name__}") from None
        if not isinstance(private, RSAPrivateKey) or not isinstance(merchant, RSAPublicKey):
            raise CannotStart("the keys are not RSA keys")
        return cls(key_id, private, merchant_id, merchant_serial, merchant)

    def check(self, method: str, target: str, authorization: str, body: bytes) -> None:
        """Raises 401 SIGN_ERROR unless the merchant signed this very request within the last five minutes."""
        schema, _, rest = authorization.partition(" ")
        parts = dict(_PART.findall(rest))
        names = ("mchid", "serial_no", "timestamp", "nonce_str", "signature")
        merchant, serial, sent, nonce, signature = (parts.get(name, "") for name in names)
        known = (schema, merchant, serial) == (SCHEMA, self.merchant_id, self.merchant_serial)
        if not known or not sent.isdecimal() or abs(time.time() - int(sent)) > _OLDEST_SECONDS:
            raise ApiError(401, "SIGN_ERROR", "who signs, with which key, and when")
        text = f"{method}\n{target}\n{sent}\n{nonce}\n".encode() + body + b"\n"
        try:
            self.merchant.verify(base64.b64decode(signature), text, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            raise ApiError(401, "SIGN_ERROR", "the signature is not that of the request") from None

    def sign(self, body: bytes) -> dict[str, str]:
        """The headers that say that a body is ours."""
        sent, nonce = str(int(time.time())), secrets.token_hex(16)
        signature = self.private.sign(f"{sent}\n{nonce}\n".encode() + body + b"\n", PKCS1v15(), SHA256())
        return {
            "Wechatpay-Serial": self.key_id,
            "Wechatpay-Timestamp": sent,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": base64.b64encode(signature).decode(),
            "Wechatpay-Signature-Type": SCHEMA,
        }


def seal(api_v3_key: bytes, kind: str, resource: Any) -> dict[str, str]:
    """A notice's resource, encrypted with AES-256-GCM under the APIv3 key."""
    nonce = secrets.token_hex(6)
    sealed = AESGCM(api_v3_key).encrypt(nonce.encode(), json.dumps(resource).encode(), kind.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "nonce": nonce,
        "associated_data": kind,
        "original_type": kind,
    }
