"""The page that operators follow: its commands make keys that are taken, its variables and the payers' table exist."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

from alipay_house import key_pair
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from services.deposits.app import Settings
from services.deposits.processors.alipay.signatures import load_keys
from services.sandbox.alipay.payers import PAYERS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "processors" / "alipay.md").read_text()


def test_the_commands_make_keys_of_which_each_side_has_its_own(tmp_path: Path) -> None:
    alipay = load_pem_public_key(key_pair("alipay")[1])
    shown = base64.b64encode(alipay.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    (tmp_path / "alipay_public_key.txt").write_text(f"{shown}\n")
    make, save = (re.sub(r"^ {3}", "", block, flags=re.M) for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)[:2])
    subprocess.run(["sh", "-euc", make + save], cwd=tmp_path, check=True, capture_output=True, timeout=30)
    keys = load_keys(tmp_path / "alipay-keys")
    pasted = load_der_public_key(base64.b64decode((tmp_path / "app_public_key.txt").read_text(), validate=True))
    assert isinstance(pasted, RSAPublicKey)
    assert pasted.public_numbers() == keys.app.public_key().public_numbers()
    assert isinstance(alipay, RSAPublicKey)
    assert keys.alipay.public_numbers() == alipay.public_numbers()
    assert (tmp_path / "alipay-keys" / "app_private_key.pem").stat().st_mode & 0o077 == 0


def test_its_variables_are_all_there_are() -> None:
    table = PAGE[PAGE.index("| variable |") : PAGE.index("Keys are read")]
    fields = {name.upper() for name in Settings.model_fields if name.startswith("alipay_")}
    assert set(re.findall(r"`(ALIPAY_[A-Z_]+)`", table)) == fields


def test_every_payer_of_the_stand_in_is_explained() -> None:
    readme = (ROOT / "services" / "sandbox" / "README.md").read_text()
    section = readme[readme.index("Payers, by") :]
    told = [name for row in re.findall(r"^\| (`.*?) \|", section, re.M) for name in re.findall(r"`([a-z_]+)`", row)]
    assert told == [payer.name for payer in PAYERS]
