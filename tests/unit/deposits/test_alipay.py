"""Alipay's amounts are exact, its keys are keys, its bills are read as they are documented or not at all."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from services.deposits.app import Settings
from services.deposits.app.processors import open_processors as set_up
from services.deposits.processors.alipay.amounts import fen, yuan
from services.deposits.processors.alipay.bills import read_bill
from services.deposits.processors.alipay.signatures import Keys, KeysUnusable, load_keys, signed_content
from services.runtime.settings import SettingsError, load

MINORS = st.integers(min_value=0, max_value=10**13)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@given(MINORS)
def test_an_amount_comes_back_as_it_went(amount: int) -> None:
    written = yuan(amount)
    assert fen(written) == amount
    assert Decimal(written) * 100 == amount
    assert written.partition(".")[2].isdigit()
    assert len(written.partition(".")[2]) == 2
    assert fen(f"-{written}") == -amount


@pytest.mark.parametrize(("text", "amount"), [("99", 9900), ("99.5", 9950), ("0.07", 7), ("4800.00", 480000)])
def test_shorter_forms_are_read_too(text: str, amount: int) -> None:
    assert fen(text) == amount


@pytest.mark.parametrize("text", ["", "1.001", "1,000.00", "1e3", " 1", "¥1", "1.", ".5", "--1", "１", "NaN", "1.00\n"])
def test_what_is_no_amount_is_not_guessed_at(text: str) -> None:
    with pytest.raises(ValueError, match="yuan"):
        fen(text)


def test_a_negative_amount_is_never_sent() -> None:
    with pytest.raises(ValueError, match="negative"):
        yuan(-1)


def test_a_signature_covers_sorted_decoded_parameters_and_every_change_breaks_it() -> None:
    keys = Keys(KEY, KEY.public_key())
    said = {"b": "租赁 押金&x=1", "a": "1", "sign": "s", "sign_type": "RSA2"}
    content = signed_content(said, ("sign", "sign_type"))
    assert content.decode() == "a=1&b=租赁 押金&x=1"
    signature = keys.sign(content)
    assert keys.verifies(content, signature)
    assert not keys.verifies(content + b" ", signature)
    assert not any(keys.verifies(content, wrong) for wrong in ("", "AAAA", signature[:-4], f"{signature}\n", "é"))


def _folder(path: Path, private: bytes = PRIVATE, public: bytes = PUBLIC) -> Path:
    (path / "app_private_key.pem").write_bytes(private)
    (path / "alipay_public_key.pem").write_bytes(public)
    return path


def test_keys_are_read_from_their_folder(tmp_path: Path) -> None:
    keys = load_keys(_folder(tmp_path))
    assert keys.verifies(b"x", keys.sign(b"x"))


def test_keys_that_are_none_are_named(tmp_path: Path) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 (too short on purpose)
    curve = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeysUnusable, match=r"app_private_key\.pem cannot be read"):
        load_keys(tmp_path)
    for private in (b"canary", PUBLIC, short.private_bytes(*pkcs8), curve.private_bytes(*pkcs8)):
        with pytest.raises(KeysUnusable, match=r"app_private_key\.pem is no") as told:
            load_keys(_folder(tmp_path, private))
        assert "canary" not in str(told.value)
    for public in (b"canary", PRIVATE):
        with pytest.raises(KeysUnusable, match=r"alipay_public_key\.pem is no"):
            load_keys(_folder(tmp_path, public=public))


HOUSE = {
    "DSN": "postgresql://u:p@/db",
    "PUBLIC_PORT": "7000",
    "INTERNAL_PORT": "7001",
    "HEALTH_PORT": "7002",
    "METRICS_PORT": "7003",
    "TLS_DIR": "/srv/tls",
    "IDENTITY_ADDRESS": "identity",
    "SCORING_ADDRESS": "scoring",
    "RENTAL_ADDRESS": "rental",
    "PROCESSOR_URL": "http://processor",
    "PROCESSOR_SECRET": "s",
}
APP = {"ALIPAY_APP_ID": "2021000000000001"}
URL = {"ALIPAY_NOTICE_URL": "https://pay.example/processors/alipay/notices"}


@pytest.mark.parametrize(
    ("given_ones", "named"),
    [
        (APP, {"ALIPAY_KEYS_DIR", "ALIPAY_NOTICE_URL"}),
        (APP | {"ALIPAY_NOTICE_URL": "pay.example", "ALIPAY_KEYS_DIR": "KEYS"}, {"ALIPAY_NOTICE_URL"}),
        (APP | URL | {"ALIPAY_KEYS_DIR": "/nowhere"}, {"ALIPAY_KEYS_DIR"}),
        (URL | {"ALIPAY_KEYS_DIR": "KEYS"}, {"ALIPAY_KEYS_DIR", "ALIPAY_NOTICE_URL"}),
        ({"ALIPAY_APP_ID": "an app"}, {"ALIPAY_APP_ID"}),
        (APP | URL | {"ALIPAY_KEYS_DIR": "KEYS", "ALIPAY_CREDIT_CATEGORY": "RENT"}, {"ALIPAY_CREDIT_SERVICE_ID"}),
        (APP | URL | {"ALIPAY_KEYS_DIR": "KEYS"}, set()),
        ({}, set()),
    ],
)
def test_alipay_is_set_up_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given_ones: dict[str, str], named: set[str]
) -> None:
    _folder(tmp_path)
    for name, value in {**HOUSE, **given_ones}.items():
        monkeypatch.setenv(f"FREEHOLD_DEPOSITS_{name}", str(tmp_path) if value == "KEYS" else value)
    if not named:
        assert load(Settings).alipay_app_id == given_ones.get("ALIPAY_APP_ID", "")
        return
    with pytest.raises(SettingsError) as told:
        load(Settings)
    assert {line.split(":")[0] for line in str(told.value).splitlines()} == {f"FREEHOLD_DEPOSITS_{n}" for n in named}


@pytest.mark.parametrize(("given_ones", "names"), [({}, {"sandbox"}), (APP | URL, {"sandbox", "alipay"})])
async def test_the_processor_exists_when_its_app_id_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given_ones: dict[str, str], names: set[str]
) -> None:
    keys = {"ALIPAY_KEYS_DIR": str(_folder(tmp_path))} if given_ones else {}
    for name, value in {**HOUSE, **given_ones, **keys}.items():
        monkeypatch.setenv(f"FREEHOLD_DEPOSITS_{name}", value)
    async with set_up(load(Settings)) as processors:
        assert {name: processor.capabilities.name for name, processor in processors.items()} == {n: n for n in names}


HEADER = "支付宝交易号,商户订单号,业务类型,商品名称,完成时间,订单金额（元）,退款批次号/请求号,备注"
TRADE = "2026112322001\t,opn_0\t,交易\t,租赁费用,2026-11-23 10:00:00,20.00,\t,dep_0"


def _zip(*files: tuple[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files:
            archive.writestr(name, text.encode("gbk"))
    return packed.getvalue()


def _detailed(*rows: str, header: str = HEADER) -> tuple[str, str]:
    return "业务明细.csv", "\r\n".join(
        ["#支付宝业务明细查询", "#账号：[1]", header, *rows, "#业务明细列表结束", "#导出"]
    )


def test_the_detailed_bill_is_read_and_the_summary_is_not() -> None:
    summary = ("业务明细(汇总).csv", "#支付宝业务汇总查询\r\n交易订单总笔数\r\n1")
    (row,) = read_bill(_zip(summary, _detailed(TRADE, header=HEADER.replace("（元）", "(元)"))))
    assert (row.is_refund, row.trade_no, row.number, row.body) == (False, "2026112322001", "opn_0", "dep_0")
    assert (row.amount_minor, row.at.isoformat()) == (2000, "2026-11-23T02:00:00+00:00")


@pytest.mark.parametrize(
    "bill",
    [
        _zip(("业务明细(汇总).csv", "#支付宝业务汇总查询")),
        _zip(_detailed(TRADE.replace("20.00", "20.001"))),
        _zip(_detailed(TRADE.replace("交易\t", "转账\t"))),
        _zip(_detailed(TRADE.rpartition(",")[0])),
        _zip(_detailed(TRADE, header=HEADER.replace("备注", "附言"))),
        _zip(_detailed(TRADE.replace("2026-11-23", "23.11.2026"))),
        _zip(("业务明细.csv", "#支付宝业务明细查询")),
        b"<html>expired</html>",
    ],
)
def test_a_bill_that_is_not_as_documented_is_refused_whole(bill: bytes) -> None:
    with pytest.raises((ValueError, KeyError, zipfile.BadZipFile)):
        list(read_bill(bill))
