"""What stands between the wire and a servicer, one concern a file, composed into one wrapper per method.

Order: telemetry around errors around caller, deadline, validation, handler. The wrapper of a method is made once, at
its first call, so that a call costs one dictionary look-up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc

from services.runtime.addresses import AddressOf
from services.runtime.interceptors import authentication, deadlines, errors, validation
from services.runtime.interceptors.calls import CALL, Call, Context, call_or_none, current_call
from services.runtime.interceptors.telemetry import Measure
from services.runtime.lockout import Lockout
from services.runtime.rates import Rates
from services.runtime.telemetry import Tracer
from services.values.callers import ANONYMOUS, Caller
from services.values.errors import Refusal

__all__ = ["Call", "Context", "Door", "call_or_none", "current_call"]

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Admit = Callable[[Context, str], Awaitable[Caller]]
Deadline = Callable[[Context], tuple[float, bool]]
Toll = Callable[[str, Caller, Any], None]
_EXEMPT = ("/grpc.reflection.", "/grpc.health.", "/grpc.channelz.")


class Door(grpc.aio.ServerInterceptor):
    """The interceptor of one port.

    Args:
        admit: names the caller or raises a Refusal.
        deadline: when a unary call ends.
        messages: request class of each method of ours, by full method name.
        tracer: decides sampling before anything else of tracing is touched.
        toll: counts a unary call by what its valid request names; raises a Refusal.
    """

    def __init__(
        self, admit: Admit, deadline: Deadline, messages: dict[str, Any], tracer: Tracer, toll: Toll | None = None
    ) -> None:
        self._admit = admit
        self._deadline = deadline
        self._messages = messages
        self._tracer = tracer
        self._toll = toll
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        details: grpc.HandlerCallDetails,
    ) -> Handler:
        method = details.method
        known = self._wrapped.get(method)
        if known is not None:
            return known
        handler = await continuation(details)
        if handler is None:
            return _UNKNOWN
        if not method.startswith(_EXEMPT):
            handler = self._wrap(method, handler)
        self._wrapped[method] = handler
        return handler

    def _wrap(self, method: str, handler: Handler) -> Handler:
        message = self._messages[method]
        serialize = handler.response_serializer
        if handler.unary_unary is not None:
            unary = self._unary(method, handler.unary_unary, message)
            return grpc.unary_unary_rpc_method_handler(unary, None, serialize)
        if handler.unary_stream is not None:
            server_stream = self._server_stream(method, handler.unary_stream, message)
            return grpc.unary_stream_rpc_method_handler(server_stream, None, serialize)
        bidi = self._bidi(method, handler.stream_stream, message)
        return grpc.stream_stream_rpc_method_handler(bidi, None, serialize)

    def _unary(self, method: str, behaviour: Any, message: Any) -> Any:
        measure = Measure(method)

        async def call(data: bytes, context: Context) -> Any:
            began = time.perf_counter()
            code = grpc.StatusCode.OK
            try:
                caller = await self._admit(context, method)
                ends, ours = self._deadline(context)
                request = validation.decode(message, data)
                validation.validate(request)
                if self._toll is not None:
                    self._toll(method, caller, request)
                with self._tracer.server_span(method, context) as traceparent:
                    CALL.set(Call(method, caller, ends, traceparent))
                    if not ours:
                        return await behaviour(request, context)
                    return await _bounded(behaviour(request, context), ends)
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED
                raise
            except Exception as error:
                refusal = errors.refusal_of(error, method)
                code = grpc.StatusCode[refusal.category.value]
                await errors.abort(context, refusal)
            finally:
                measure.record(began, code)

        return call

    def _server_stream(self, method: str, behaviour: Any, message: Any) -> Any:
        async def call(data: bytes, context: Context) -> AsyncIterator[Any]:
            try:
                caller = await self._admit(context, method)
                request = validation.decode(message, data)
                validation.validate(request)
                CALL.set(Call(method, caller, None))
                async for response in behaviour(request, context):
                    yield response
            except Exception as error:
                await errors.abort(context, errors.refusal_of(error, method))

        return call

    def _bidi(self, method: str, behaviour: Any, message: Any) -> Any:
        async def requests(frames: AsyncIterator[bytes]) -> AsyncIterator[Any]:
            async for data in frames:
                request = validation.decode(message, data)
                validation.validate(request)
                yield request

        async def call(frames: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
            try:
                caller = await self._admit(context, method)
                CALL.set(Call(method, caller, None))
                async for response in behaviour(requests(frames), context):
                    yield response
            except Exception as error:
                await errors.abort(context, errors.refusal_of(error, method))

        return call


async def _bounded(work: Awaitable[Any], ends: float) -> Any:
    try:
        async with asyncio.timeout(ends - time.monotonic()):
            return await work
    except TimeoutError:
        raise deadlines.exceeded() from None


async def _unknown(_frames: AsyncIterator[bytes], context: Context) -> None:
    await errors.abort(context, errors.unknown_method())


_UNKNOWN: Handler = grpc.stream_stream_rpc_method_handler(_unknown)


def public_admit(
    authenticate: authentication.Authenticate,
    access: authentication.Access,
    lockout: Lockout,
    rates: Rates,
    address_of: AddressOf,
) -> Admit:
    """Admits bearers of a credential whose role the RPC lists, as often as they may call; a refused call counts too."""

    async def admit(context: Context, method: str) -> Caller:
        rule = access[method]
        if rule.anonymous:
            rates.count(ANONYMOUS, address_of(context))
            return ANONYMOUS
        bearer = authentication.bearer_of(context)
        lockout.must_be_open(lambda: address_of(context), bearer)
        try:
            caller = await authenticate(bearer)
        except Refusal as refusal:
            if refusal.reason == authentication.INVALID:
                lockout.failed(address_of(context), bearer)
            raise
        lockout.succeeded(bearer)
        rates.count(caller, caller.id, bearer)
        authentication.allow(caller, rule)
        return caller

    return admit


def internal_admit(listed: dict[str, frozenset[str]]) -> Admit:
    """Admits services whose certificate the RPC lists; to others the method does not exist."""

    async def admit(context: Context, method: str) -> Caller:
        caller = authentication.peer_of(context)
        if caller is None or caller.id not in listed[method]:
            raise errors.unknown_method()
        return caller

    return admit
