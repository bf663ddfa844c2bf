"""The unary calls between the peers, made of the items that the services put into their frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from freehold.deposits.v1 import deposits_internal_service_pb2 as deposits
from freehold.identity.v1 import identity_internal_service_pb2 as identity
from freehold.scoring.v1 import scoring_internal_service_pb2 as scoring
from services.runtime.server import InternalService

METHODS: Mapping[str, Mapping[str, tuple[Any, Any]]] = {
    "PeerIdentity": {"Check": (identity.CheckRenterItem, identity.CheckRenterResult)},
    "PeerScoring": {
        "Admit": (scoring.AdmitItem, scoring.AdmitResult),
        "Record": (scoring.ScoringEvent, scoring.DeliverResponse),
    },
    "PeerDeposits": {"Secure": (deposits.SecureDepositItem, deposits.SecureDepositResult)},
}


def descriptor(service: str) -> ServiceDescriptor:
    """The descriptor of a peer's service."""
    methods = METHODS[service]
    file = descriptor_pb2.FileDescriptorProto(name=f"peers/{service}.proto", package="peers", syntax="proto3")
    file.dependency.extend(sorted({kind.DESCRIPTOR.file.name for kinds in methods.values() for kind in kinds}))
    proto = file.service.add(name=service)
    for name, (request, response) in methods.items():
        proto.method.add(
            name=name, input_type=f".{request.DESCRIPTOR.full_name}", output_type=f".{response.DESCRIPTOR.full_name}"
        )
    pool = descriptor_pool.Default()
    pool.Add(file)
    return pool.FindServiceByName(f"peers.{service}")


def add(service: str) -> Callable[[Any, Any], None]:
    """What adds a servicer to a server."""

    def adding(servicer: Any, server: Any) -> None:
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                getattr(servicer, name), request.FromString, response.SerializeToString
            )
            for name, (request, response) in METHODS[service].items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"peers.{service}", handlers),))

    return adding


def call(channel: grpc.aio.Channel, service: str, method: str) -> Any:
    """The unary call on a channel."""
    request, response = METHODS[service][method]
    return channel.unary_unary(
        f"/peers.{service}/{method}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )


def internal(service: str, servicer: Any) -> InternalService:
    """A service whose RPCs are open to all the others."""
    found = descriptor(service)
    callers = {method.name: frozenset({"scoring", "deposits", "rental"}) for method in found.methods}
    return InternalService(found, add(service), servicer, callers)
