"""What the tests of WeChat share: both sides' keys, the stand-in as a process, the adapter in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from stand_ins import READY_SECONDS, launch

from services.cli.home import free_port_base
from services.deposits.domain import Hold, Notice, Operation, OperationKind, OperationState, Result, Seen
from services.deposits.processors.wechat import Gateway, Merchant, WeChatProcessor, read_keys
from services.deposits.servicer.notices import NoticeDoor
from services.runtime.clock import SystemClock
from services.values.ids import new_id_of, new_renter_id
from services.values.money import Money

API_V3_KEY = "0123456789abcdefghijklmnopqrstuv"
KEY_ID, OTHER_KEY_ID = "PUB_KEY_ID_0116", "PUB_KEY_ID_0117"
MERCHANT_ID, APP_ID, SERVICE_ID, SERIAL = "1900000109", "wxd678efh567hg6787", "500001", "444F4864EA9B34415"


@dataclass
class Keyring:
    """Private keys of both sides, and of nobody."""

    merchant: RSAPrivateKey
    platform: RSAPrivateKey
    other: RSAPrivateKey

    @classmethod
    @cache
    def cut(cls) -> Keyring:
        """One for the whole run: cutting keys is slow."""
        return cls(*(generate_private_key(65537, 2048) for _ in range(3)))

    def lay_out(self, folder: Path) -> Path:
        """The folders `ours` (a merchant's) and `theirs` (the stand-in's)."""
        ours, theirs = folder / "ours", folder / "theirs"
        ours.mkdir()
        theirs.mkdir()
        (ours / "apiclient_key.pem").write_bytes(private_pem(self.merchant))
        (ours / "apiv3_key").write_text(f"{API_V3_KEY}\n")
        (ours / f"{KEY_ID}.pem").write_bytes(public_pem(self.platform))
        (ours / f"{OTHER_KEY_ID}.pem").write_bytes(public_pem(self.other))
        (theirs / "platform_key.pem").write_bytes(private_pem(self.platform))
        (theirs / "platform_key_id").write_text(KEY_ID)
        (theirs / "merchant_public_key.pem").write_bytes(public_pem(self.merchant))
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(API_V3_KEY)
        return folder


def private_pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class WeChat:
    """The stand-in, running, and the merchant whose adapter is asked."""

    process: asyncio.subprocess.Process
    folder: Path
    address: str
    processor: WeChatProcessor
    gateway: Gateway
    merchant: Merchant
    notices: asyncio.Queue[Notice]
    control: aiohttp.ClientSession

    async def script(self, **wanted: Any) -> None:
        """Has renters, answers and notices be as wanted from now on."""
        await self._post("script", wanted)

    async def renter(self, about: str, does: str) -> None:
        """A renter, or a bank, does something now."""
        await self._post("renters", {"about": about, "does": does})

    async def tell_again(self) -> None:
        """Every notice once more, the newest first."""
        await self._post("notices", {})

    async def heard(self, about: str) -> Notice:
        """The next notice about an operation, or about none, that came through the door."""
        async with asyncio.timeout(5):
            while (notice := await self.notices.get()).operation_id != about:
                pass
        return notice

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()

    async def _post(self, path: str, body: Any) -> None:
        async with self.control.post(f"/_sandbox/{path}", json=body) as response:
            assert response.status == 200, await response.text()


@asynccontextmanager
async def running(folder: Path, *arguments: str) -> AsyncIterator[WeChat]:
    """The stand-in with keys from a folder laid out before, and a door for its notices."""
    process, address = await ready(folder, *arguments)
    port = free_port_base()
    url = f"http://127.0.0.1:{port}/processors/wechat/notices"
    keys = read_keys(folder / "ours", KEY_ID)
    merchant = Merchant(MERCHANT_ID, APP_ID, SERVICE_ID, SERIAL, KEY_ID, url, "租赁", address, keys)
    heard: asyncio.Queue[Notice] = asyncio.Queue()

    async def hasten(_name: str, notice: Notice) -> None:
        heard.put_nowait(notice)

    async with (
        Gateway(merchant, SystemClock()) as gateway,
        aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {API_V3_KEY}"}) as control,
    ):
        processor = WeChatProcessor(gateway, merchant)
        door = NoticeDoor({"wechat": processor}, hasten)
        await door.open("127.0.0.1", port)
        yield WeChat(process, folder, address, processor, gateway, merchant, heard, control)
        await door.close()
        if process.returncode is None:
            process.terminate()
            _, said = await asyncio.wait_for(process.communicate(), 20)
            assert said == b"", said.decode()


async def ready(folder: Path, *arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """The process and where it listens."""
    who = f"{MERCHANT_ID}:{APP_ID}:{SERVICE_ID}:{SERIAL}"
    given = ("--keys", str(folder / "theirs"), "--merchant", who, "--late-seconds", "0.3", *arguments)
    process = await launch("wechat", folder / "home", *given)
    assert process.stderr is not None
    line = (await asyncio.wait_for(process.stderr.readline(), READY_SECONDS)).decode().strip()
    said, _, address = line.rpartition(" ")
    assert said == "wechat ready on", line
    return process, address


def asked(kind: OperationKind, reference: str, amount: int = 9900, **more: Any) -> Operation:
    """A fresh operation of somebody's."""
    renter = new_renter_id("rnt")
    ids = new_id_of("opn", renter), new_id_of("dep", renter)
    return Operation(*ids, kind, Money(more.pop("currency", "CNY"), amount), reference, processor="wechat", **more)


async def outcome(wechat: WeChat, operation: Operation) -> Result:
    """What became of it, asked until it is told: at WeChat all but cancelling comes about by itself, later."""
    first = await wechat.processor.perform(operation)
    assert first is not None
    if first.state is OperationState.WANTED:
        await wechat.heard(subject(operation))
        first = await wechat.processor.query(operation)
        assert first is not None
    assert await wechat.processor.query(operation) == first, "it says the same when it is asked later"
    return first


def subject(operation: Operation) -> str:
    """What WeChat's notices of an operation name: the order's number, or the refund's."""
    return operation.reference if operation.kind is OperationKind.CAPTURE else operation.operation_id


async def held(wechat: WeChat, amount: int = 9900) -> Operation:
    """A hold that its renter has confirmed."""
    operation = asked(OperationKind.AUTHORIZE, "confirm", amount)
    assert (await outcome(wechat, operation)).state is OperationState.DONE
    return operation


async def seen(wechat: WeChat, authorize: Operation) -> Seen:
    hold = Hold(authorize.operation_id, authorize.deposit_id, "wechat", authorize.operation_id)
    found = await wechat.processor.inspect(hold)
    assert found is not None
    return found
