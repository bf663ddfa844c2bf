"""A channel that is opened anew when the certificate that it shows has been renewed, without a call noticing.

grpc has no reload for clients: a channel keeps its certificate for life. Calls that begin after a renewal go over a new
channel; the old one is closed when what runs on it has had its time, and long-lived streams come back on the new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc

from services.runtime.certificates import Pair, Renewals

LOOK_SECONDS = 2.0
GRACE_SECONDS = 30.0


class RenewingChannel(grpc.aio.Channel):
    """Implements grpc's channel over the latest one.

    Args:
        pair: the certificate that it shows, looked at when a call begins, every other second at most.
        fresh: opens a channel with the certificate that is there now; raises CertificateError.
    """

    def __init__(self, pair: Pair, fresh: Callable[[], grpc.aio.Channel]) -> None:
        self._renewals = Renewals(pair)
        self._fresh = fresh
        self._channel = self._renewals.first(fresh)
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._ending: set[asyncio.Task[None]] = set()

    def latest(self) -> grpc.aio.Channel:
        """The channel for calls that begin now."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            if (renewed := self._renewals.next(self._fresh)) is not None:
                self._retire(self._channel)
                self._channel = renewed
        return self._channel

    def _retire(self, channel: grpc.aio.Channel) -> None:
        ending = asyncio.get_running_loop().create_task(channel.close(GRACE_SECONDS), name="channel ending")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def unary_unary(self, *args: Any, **options: Any) -> Any:
        return _Rpc(self, "unary_unary", args, options)

    def unary_stream(self, *args: Any, **options: Any) -> Any:
        return _Rpc(self, "unary_stream", args, options)

    def stream_unary(self, *args: Any, **options: Any) -> Any:
        return _Rpc(self, "stream_unary", args, options)

    def stream_stream(self, *args: Any, **options: Any) -> Any:
        return _Rpc(self, "stream_stream", args, options)

    async def close(self, grace: float | None = None) -> None:
        """Closes the latest channel, and at once those that were ending."""
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self.latest().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self.latest().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self.latest().channel_ready()

    async def __aenter__(self) -> RenewingChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Rpc:
    """One method of a stub, on the channel that is the latest when it is called."""

    __slots__ = ("_args", "_call", "_channel", "_kind", "_options", "_owner")

    def __init__(self, owner: RenewingChannel, kind: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._owner, self._kind, self._args, self._options = owner, kind, args, options
        self._channel: grpc.aio.Channel | None = None
        self._call: Any = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        channel = self._owner.latest()
        if channel is not self._channel:
            self._channel = channel
            self._call = getattr(channel, self._kind)(*self._args, **self._options)
        return self._call(*args, **options)
