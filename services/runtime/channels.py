"""Channels between services: mutual TLS, client-side balancing, retries, and deadlines that travel.

The server behind a channel must be the service it is meant to be: its certificate is checked for that name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from services.runtime import tls
from services.runtime.certificates import internal_pair
from services.runtime.interceptors.calls import call_or_none
from services.runtime.interceptors.deadlines import exceeded
from services.runtime.renewing_channel import RenewingChannel

MARGIN_SECONDS = 0.05
DEFAULT_SECONDS = 5.0

_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)
_OPTIONS = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", 16 * 2**20),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


def open_channel(address: str, peer: str, tls_dir: Path, service: str) -> grpc.aio.Channel:
    """A channel of `service` to `peer` at `address` ("host:port", a name that may resolve to many)."""
    options = (*_OPTIONS, ("grpc.ssl_target_name_override", tls.name_of(peer)))
    pair = internal_pair(tls_dir, service)

    def fresh() -> grpc.aio.Channel:
        credentials = tls.channel_credentials(pair)
        return grpc.aio.secure_channel(f"dns:///{address}", credentials, options, interceptors=[_Onward()])

    return RenewingChannel(pair, fresh)


class _Onward(grpc.aio.UnaryUnaryClientInterceptor):
    """Passes on what remains of the served call's deadline, less a margin for the way back, and its trace."""

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        call = call_or_none()
        timeout = details.timeout if details.timeout is not None else DEFAULT_SECONDS
        metadata = details.metadata
        if call is not None:
            timeout = min(timeout, call.remaining() - MARGIN_SECONDS)
            if timeout <= 0:
                raise exceeded()
            if call.traceparent:
                metadata = grpc.aio.Metadata(*(metadata or ()), ("traceparent", call.traceparent))
        onward = grpc.aio.ClientCallDetails(
            details.method, timeout, metadata, details.credentials, details.wait_for_ready
        )
        return await continuation(onward, request)
