"""A score serves deposits only: any other purpose is refused, and that it was asked for is in the log."""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from freehold.scoring.v1 import scoring_internal_service_pb2 as internal
from services.runtime.batching import Batcher
from services.runtime.clock import SystemClock
from services.scoring.domain import Admittance, Served
from services.scoring.models import DEFAULT_SCORECARD, read_model
from services.scoring.operations import Question, Scoring
from services.scoring.servicer import InternalServicer
from services.values.errors import Refusal
from services.values.ids import new_renter_id


class Nothing:
    """A store that knows nobody."""

    async def read_standings(self, renter_ids: Any) -> list[None]:
        return [None for _ in renter_ids]


class Cards:
    """What is at work: a scorecard, and no challenger."""

    served = Served(read_model(DEFAULT_SCORECARD))

    def compared(self, *_: Any) -> None:
        """Nothing is compared."""


async def test_another_purpose_is_refused_and_logged() -> None:
    scoring = Scoring(Nothing(), None, Cards(), SystemClock())  # type: ignore[arg-type]

    async def admit(items: list[tuple[str, Question]]) -> list[Admittance | Refusal]:
        return await scoring.admit([question for _, question in items])

    admissions: Batcher[tuple[str, Question], Admittance] = Batcher("admit", admit, key=lambda item: item[0])
    servicer, renter_id = InternalServicer(scoring, None, None, admissions), new_renter_id("rnt")  # type: ignore[arg-type]
    asked = [
        internal.AdmitItem(item_id=str(purpose), renter_id=renter_id, threshold=600, purpose=purpose)  # type: ignore[arg-type]
        for purpose in (1, 0, 77)
    ]
    with capture_logs() as logged:
        answers = await servicer._admit(asked, lambda _: None)
    assert [answer.status.reason for answer in answers] == ["", "PURPOSE_NOT_ALLOWED", "PURPOSE_NOT_ALLOWED"]
    assert [(one["event"], one["purpose"]) for one in logged] == [
        ("purpose_refused", "UNSPECIFIED"),
        ("purpose_refused", "UNKNOWN"),
    ]
    assert renter_id not in str(logged), "who was asked about is no matter of the log"
