"""Alipay's stand-in as a process of its own, and our adapter with an app's keys, for the tests of both."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from stand_ins import StandIn, start

from services.deposits.domain import Operation, OperationKind, OperationState, Result
from services.deposits.processors.alipay.adapter import AlipayProcessor
from services.deposits.processors.alipay.client import Client
from services.deposits.processors.alipay.requests import Terms
from services.deposits.processors.alipay.signatures import load_keys
from services.sandbox.alipay.payers import AUTH_CODES
from services.values.ids import new_id_of, new_renter_id
from services.values.money import Money

APP_ID = "2021000000000001"
CODES = {payer.name: code for code, payer in AUTH_CODES.items()}
CREDIT = Terms(credit_category="RENT_PHONE", credit_service_id="2020042800000000000001450466")
DEPOSIT_MINOR = 9900
_homes = itertools.count()


@dataclass
class Now:
    """The time that somebody says that it is; the wall's until then."""

    fixed: datetime | None = None

    def now(self) -> datetime:
        return self.fixed or datetime.now(UTC)


@cache
def key_pair(_owner: str) -> tuple[bytes, bytes]:
    """A private and a public key in PEM, made once for each owner."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


async def start_alipay(home: Path, *arguments: str) -> StandIn:
    """The process, ready, that lets our app in."""
    public = home.parent / "app_public_key.pem"
    public.write_bytes(key_pair("app")[1])
    return await start("alipay", home, "--app-id", APP_ID, "--app-public-key", str(public), *arguments)


def keys_dir(home: Path, app: str = "app") -> Path:
    """A folder as an operator sets it up: our private key, Alipay's public one."""
    folder = home.parent / f"keys_{next(_homes)}"
    folder.mkdir()
    (folder / "app_private_key.pem").write_bytes(key_pair(app)[0])
    (folder / "alipay_public_key.pem").write_bytes((home / "alipay_public_key.pem").read_bytes())
    return folder


@dataclass
class House:
    """The stand-in, and our side of it."""

    alipay: StandIn
    session: aiohttp.ClientSession
    notify_url: str = ""
    terms: Terms = CREDIT
    app: str = "app"
    gateway: str = ""
    clock: Now = field(default_factory=Now)
    real: Now = field(default_factory=Now)

    def __post_init__(self) -> None:
        self.keys = load_keys(keys_dir(self.alipay.home, self.app))
        gateway = self.gateway or f"{self.alipay.address}/gateway.do"
        self.client = Client(self.session, gateway, APP_ID, self.keys, self.notify_url)
        self.processor = AlipayProcessor(self.client, self.terms, self.clock, self.real)
        self.renter_id = new_renter_id("rnt")
        self.deposit_id = new_id_of("dep", self.renter_id)

    def asked(self, kind: OperationKind, reference: str, amount: int = DEPOSIT_MINOR, **more: Any) -> Operation:
        """An operation as deposits asks for it."""
        operation_id = new_id_of("opn", self.renter_id)
        known = {"processor": "alipay", "hold_id": operation_id} | more
        money = Money(known.pop("currency", "CNY"), amount)
        return Operation(operation_id, self.deposit_id, kind, money, reference, **known)

    def authorize(self, payer: str, amount: int = DEPOSIT_MINOR) -> Operation:
        """A freeze by the payment code of a payer's phone."""
        return self.asked(OperationKind.AUTHORIZE, f"scan:{CODES[payer]}", amount)

    async def hold(self, payer: str = "own_funds", amount: int = DEPOSIT_MINOR) -> tuple[Operation, str]:
        """Something frozen: the operation, and Alipay's number of the authorization."""
        operation = self.authorize(payer, amount)
        return operation, (await self.settled(operation)).result_ref

    async def settled(self, operation: Operation) -> Result:
        """Does it as deposits would: asks, and while the answer is unclear or it waits, asks about it or again."""
        result = await self.processor.perform(operation)
        for _ in range(60):
            if result is not None and result.state is not OperationState.WANTED:
                return result
            await asyncio.sleep(0.02)
            found = await self.processor.query(operation)
            nothing = found is not None and found.state is OperationState.CANCELLED
            result = await self.processor.perform(operation) if nothing else found
        raise AssertionError("it stayed unclear")

    async def by_hand(self, method: str, **content: str) -> None:
        """What somebody does in Alipay's console."""
        answer = await self.client.call(method, content, self.real.now())
        assert answer is not None
        assert answer.done

    async def confirm(self, order_string: str, payer: str = "own_funds") -> str:
        """The renter's app hands an order string to Alipay's."""
        form = {"order_string": order_string, "payer": payer}
        async with self.alipay.session.post("/_sandbox/cashier", data=form) as response:
            return str((await response.json())["resultStatus"])

    async def books(self) -> dict[str, list[dict[str, Any]]]:
        """All that Alipay has in its books."""
        _, books = await self.alipay.get("/_sandbox/books")
        return dict(books)

    async def order(self, operation: Operation) -> dict[str, Any]:
        """The order of a freeze in them."""
        return next(o for o in (await self.books())["orders"] if o["out_order_no"] == operation.operation_id)
