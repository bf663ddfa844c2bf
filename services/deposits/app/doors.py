"""What deposits is reached by: which proto service stands at which door, who may call it, how often."""

from __future__ import annotations

from freehold.deposits.v1 import (
    billing_service_pb2,
    billing_service_pb2_grpc,
    deposits_internal_service_pb2,
    deposits_internal_service_pb2_grpc,
    deposits_service_pb2,
    deposits_service_pb2_grpc,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
    reconciliation_service_pb2,
    reconciliation_service_pb2_grpc,
)
from services.deposits.app.rooms import Rooms
from services.deposits.app.settings import SERVICE, Settings
from services.deposits.servicer import (
    ACCESS,
    BILLING_ACCESS,
    LEDGER_ACCESS,
    LEDGER_LIMITS,
    LIMITS,
    POLICY_ACCESS,
    POLICY_LIMITS,
    RECONCILIATION_ACCESS,
)
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.telemetry import Tracer

_BY_RENTAL = ("SecureDeposits", "SettleDeposits", "CancelDeposits", "CorrectCharges")
INTERNAL_CALLERS = {rpc: frozenset({"rental"}) for rpc in _BY_RENTAL}
INTERNAL_CALLERS["Deliver"] = frozenset({"scoring"})
"""Which services may call what."""


def open_doors(settings: Settings, tracer: Tracer, rooms: Rooms) -> Server:
    """The public door and the internal one."""
    public = PublicService(
        deposits_service_pb2.DESCRIPTOR.services_by_name["DepositsService"],
        deposits_service_pb2_grpc.add_DepositsServiceServicer_to_server,
        rooms.public,
        ACCESS,
        LIMITS,
    )
    billing = PublicService(
        billing_service_pb2.DESCRIPTOR.services_by_name["BillingService"],
        billing_service_pb2_grpc.add_BillingServiceServicer_to_server,
        rooms.bills,
        BILLING_ACCESS,
    )
    policies = PublicService(
        policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"],
        policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
        rooms.policies,
        POLICY_ACCESS,
        POLICY_LIMITS,
    )
    reconciliation = PublicService(
        reconciliation_service_pb2.DESCRIPTOR.services_by_name["ReconciliationService"],
        reconciliation_service_pb2_grpc.add_ReconciliationServiceServicer_to_server,
        rooms.reconciliation,
        RECONCILIATION_ACCESS,
    )
    ledger = PublicService(
        ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"],
        ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server,
        rooms.ledger,
        LEDGER_ACCESS,
        LEDGER_LIMITS,
    )
    internal = InternalService(
        deposits_internal_service_pb2.DESCRIPTOR.services_by_name["DepositsInternalService"],
        deposits_internal_service_pb2_grpc.add_DepositsInternalServiceServicer_to_server,
        rooms.internal,
        INTERNAL_CALLERS,
    )
    doors = ([public, billing, policies, ledger, reconciliation], [internal, rooms.holder.service])
    return Server(SERVICE, settings, rooms.credentials.authenticate, *doors, tracer)
