"""Calls of identity: the ID registry and the SMS carrier over HTTP, and events to scoring.

The wire formats are those of `services/sandbox/README.md`; another registry or carrier is another class here. Personal
data goes in bodies only, and nothing of an answer's text is logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import aiohttp
import grpc
import structlog

from freehold.privacy.v1 import data_holder_internal_service_pb2 as data_holder
from freehold.privacy.v1.data_holder_internal_service_pb2_grpc import DataHolderInternalServiceStub
from freehold.scoring.v1 import fact_pb2, scoring_internal_service_pb2
from freehold.scoring.v1.scoring_internal_service_pb2_grpc import ScoringInternalServiceStub
from services.identity.domain import Person, Verdict
from services.identity.domain.privacy import PrivacyStep
from services.runtime.outbox import OutboxRow

log = structlog.get_logger(__name__)
REGISTRY_SECONDS = 8.0
CARRIER_SECONDS = 5.0
DELIVER_SECONDS = 5.0
_STEPS = frozenset(PrivacyStep)


class HttpRegistry:
    """The ID registry and face check; an unclear outcome is None, and the same key is used when it is asked again."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def verify(self, question_id: str, person: Person) -> Verdict | None:
        """What the registry says; None when it does not answer, or not in its own words."""
        return await self._ask("/v1/verifications", question_id, _document(person))

    async def compare(self, question_id: str, person: Person, face_token: str) -> bool | None:
        """Whether the face behind a token is the document's; None when that is unclear."""
        verdict = await self._ask("/v1/faces", question_id, _document(person) | {"face_token": face_token})
        return None if verdict in (None, Verdict.UNCLEAR) else verdict is Verdict.MATCH

    async def _ask(self, path: str, question_id: str, body: dict[str, str]) -> Verdict | None:
        headers = {**self._headers, "Idempotency-Key": question_id}
        timeout = aiohttp.ClientTimeout(total=REGISTRY_SECONDS)
        try:
            async with self._session.post(self._url + path, json=body, headers=headers, timeout=timeout) as response:
                if response.status != 200:
                    log.warning("registry_refused", status=response.status)
                    return None
                return Verdict((await response.json())["result"])
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("registry_unclear", error_type=type(error).__name__)
            return None


def _document(person: Person) -> dict[str, str]:
    return {
        "document_type": person.document_type,
        "document_number": person.document_number,
        "name": person.full_name,
    }


class HttpCarrier:
    """The SMS carrier; a message that is lost is asked for again by its person."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._session = session
        self._url = url.rstrip("/") + "/v1/messages"
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def send(self, phone: str, text: str) -> bool:
        """Hands the text over and says whether it was taken; failures are logged without it."""
        timeout = aiohttp.ClientTimeout(total=CARRIER_SECONDS)
        body = {"to": phone, "text": text}
        try:
            async with self._session.post(self._url, json=body, headers=self._headers, timeout=timeout) as response:
                if response.status >= 300:
                    log.warning("carrier_refused", status=response.status)
                    return False
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("carrier_unreachable", error_type=type(error).__name__)
            return False
        return True


class Asks:
    """Delivers to a data holder what is asked about people."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DataHolderInternalServiceStub(channel)

    async def deliver(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Whether the holder took each ask."""
        request = data_holder.DeliverRequest(asks=[_ask(row) for row in rows])
        answer = await self._stub.Deliver(request, timeout=DELIVER_SECONDS)
        return [status.code == 0 for status in answer.statuses]


def _ask(row: OutboxRow) -> data_holder.PrivacyAsk:
    step = data_holder.PrivacyStep.Value(f"PRIVACY_STEP_{row.kind}")
    return data_holder.PrivacyAsk(
        event_id=row.event_id, job_id=row.payload["job_id"], renter_id=row.renter_id, step=step
    )


class ScoringEvents:
    """Delivers identity's events to scoring, which holds data about people too."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ScoringInternalServiceStub(channel)
        self._asks = Asks(channel)

    async def deliver(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Whether scoring took each event. A person's events come one at a time, so that the order of kinds is free."""
        asks = [row for row in rows if row.kind in _STEPS]
        news = [row for row in rows if row.kind not in _STEPS]
        taken = dict(zip((row.event_id for row in asks), await self._asks.deliver(asks) if asks else [], strict=True))
        taken |= zip((row.event_id for row in news), await self._tell(news) if news else [], strict=True)
        return [taken[row.event_id] for row in rows]

    async def _tell(self, rows: Sequence[OutboxRow]) -> list[bool]:
        request = scoring_internal_service_pb2.DeliverRequest(events=[_event(row) for row in rows])
        answer = await self._stub.Deliver(request, timeout=DELIVER_SECONDS)
        return [status.code == 0 for status in answer.statuses]


def _event(row: OutboxRow) -> scoring_internal_service_pb2.ScoringEvent:
    event = scoring_internal_service_pb2.ScoringEvent(event_id=row.event_id)
    moment = datetime.fromisoformat(row.payload["occurred_at"])
    if row.kind == "CONSENT_GRANTED":
        event.consent_granted.renter_id = row.renter_id
        event.consent_granted.occurred_at.FromDatetime(moment)
    elif row.kind == "CONSENT_WITHDRAWN":
        event.consent_withdrawn.renter_id = row.renter_id
        event.consent_withdrawn.occurred_at.FromDatetime(moment)
    else:
        event.fact.fact_id = row.payload["fact_id"]
        event.fact.renter_id = row.renter_id
        event.fact.kind = fact_pb2.FactKind.Value(f"FACT_KIND_{row.kind}")
        event.fact.occurred_at.FromDatetime(moment)
    return event
