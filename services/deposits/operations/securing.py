"""Securing rentals, n at once: one read, one question to scoring, one write. Deposits alone decides on waivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from services.deposits.domain import (
    AdmittanceOutcome,
    Deposit,
    DepositState,
    Operation,
    OperationKind,
    PolicyDraft,
    ScoreUse,
    UseKind,
    payment_method_required,
    policy_not_found,
)
from services.deposits.domain.policies import PREVIEW_STANDS, SCORING_UNAVAILABLE, payment_method_not_found, terms
from services.deposits.operations.asking import Asking, ask
from services.deposits.operations.changing import LEASE
from services.deposits.operations.ports import (
    Answer,
    Decision,
    Held,
    Identity,
    Known,
    Preview,
    Scoring,
    SecureItem,
    Store,
)
from services.deposits.operations.ports.policies import UNKNOWN, Circumstances, PreviewKey, cap_of
from services.values.clock import Clock
from services.values.errors import Category, Refusal
from services.values.ids import new_id, new_id_of
from services.values.money import Money


class Securing:
    """Decides between waiver and hold.

    Args:
        launch: carries out the holds that a batch wants, detached.
    """

    def __init__(
        self,
        store: Store,
        scoring: Scoring,
        identity: Identity,
        launch: Callable[[Sequence[Operation]], None],
        clock: Clock,
        real: Clock,
    ) -> None:
        self._store = store
        self._scoring = scoring
        self._identity = identity
        self._launch = launch
        self._clock = clock
        self._real = real

    async def secure(self, items: list[SecureItem]) -> list[Deposit | Refusal]:
        """One deposit per item: WAIVED, PENDING, or what it was decided before.

        Item refusals: POLICY_NOT_FOUND, PAYMENT_METHOD_REQUIRED, PAYMENT_METHOD_NOT_FOUND; nothing is written then.
        """
        now = self._clock.now()
        known = await self._store.known(items, now)
        answers = await self._answers(items, known)
        drafts = [self._decide(i, k, a, now) for i, k, a in zip(items, known, answers, strict=True)]
        decisions = [draft for draft in drafts if isinstance(draft, Decision)]
        written = iter(await self._store.secure(decisions, self._real.now() + LEASE) if decisions else [])
        outcomes = [_written(next(written)) if isinstance(draft, Decision) else draft for draft in drafts]
        pending = {d.deposit_id for d in outcomes if isinstance(d, Deposit) and d.state is DepositState.PENDING}
        self._launch([d.authorize for d in decisions if d.authorize and d.deposit.deposit_id in pending])
        return outcomes

    async def _answers(self, items: Sequence[SecureItem], known: Sequence[Known]) -> list[Answer | None]:
        """The answers about those who are not decided yet, each under the policy that fits."""
        askings = [
            None if k.deposit is not None or k.draft is None else _asking(item, k.draft)
            for item, k in zip(items, known, strict=True)
        ]
        answered = iter(await ask(self._scoring, [asking for asking in askings if asking is not None]))
        return [None if asking is None else _answer(next(answered)) for asking in askings]

    def _decide(
        self, item: SecureItem, known: Known, answer: Answer | None, now: datetime
    ) -> Decision | Deposit | Refusal:
        if known.deposit is not None:
            return known.deposit
        if known.draft is None or answer is None:
            return policy_not_found()
        if item.payment_method_id and not known.payment_ref:
            return payment_method_not_found()
        deposit = _deposit(item, known, known.draft, answer, now)
        authorize = _authorize(deposit, deposit.money(deposit.amount_minor)) if known.payment_ref else None
        admitted = answer.outcome is AdmittanceOutcome.ADMITTED
        use = score_use(UseKind.DECISION, deposit.deposit_id, item, known.draft.threshold, answer, now)
        return Decision(deposit, admitted, cap_of(known.draft), authorize, use, item.circumstances)

    async def preview(
        self, partner_id: str, renter_id: str, asset_kind: str, circumstances: Circumstances = UNKNOWN
    ) -> Preview:
        """What would be decided under the policy in force; the first answer of its scope stands for 24 hours.

        Raises:
            Refusal: POLICY_NOT_FOUND, RENTER_NOT_FOUND, RENTER_NOT_LINKED, PREVIEWED_TOO_OFTEN, UPSTREAM_UNAVAILABLE.
        """
        person = await self._identity.check(renter_id, partner_id)
        if not person.linked:
            raise not_linked()
        circumstances = replace(circumstances, assurance=person.assurance)
        item = SecureItem("", renter_id, partner_id, asset_kind, "", person.scoring_consent, "", circumstances)
        now = self._clock.now()
        (known,) = await self._store.known([item], now)
        if known.draft is None:
            raise policy_not_found()
        key = PreviewKey(renter_id, partner_id, asset_kind, known.draft.asset_class, known.draft.city)
        standing = await self._store.read_preview(key, now)
        if standing is not None:
            return standing
        fresh, use = await self._fresh_preview(item, known, known.draft)
        return await self._store.save_preview(key, fresh, use, now)

    async def _fresh_preview(
        self, item: SecureItem, known: Known, draft: PolicyDraft
    ) -> tuple[Preview, ScoreUse | None]:
        (answer,) = await ask(self._scoring, [_asking(item, draft)])
        if isinstance(answer, Refusal):
            raise Refusal(Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "scoring did not answer; retry")
        said = terms(draft, answer.tier, item.circumstances.monthly_rent)
        now = self._clock.now()
        use = score_use(UseKind.PREVIEW, new_id("use"), item, draft.threshold, answer, now)
        preview = Preview(
            answer.outcome,
            said.waives,
            answer.reason_codes,
            known.policy_id,
            draft.deposit.currency,
            0 if said.waives else said.amount_minor,
            now + PREVIEW_STANDS,
        )
        return preview, use


def _deposit(item: SecureItem, known: Known, draft: PolicyDraft, answer: Answer, now: datetime) -> Deposit:
    said = terms(draft, answer.tier, item.circumstances.monthly_rent)
    return Deposit(
        deposit_id=new_id_of("dep", item.renter_id),
        rental_id=item.rental_id,
        renter_id=item.renter_id,
        partner_id=item.partner_id,
        state=DepositState.PENDING,
        outcome=answer.outcome,
        reason_codes=answer.reason_codes,
        policy_id=known.policy_id,
        model_version=answer.model_version,
        score=answer.score,
        currency=draft.deposit.currency,
        amount_minor=said.amount_minor,
        payment_ref=known.payment_ref,
        decided_at=now,
        facts_version=answer.facts_version,
        processor=known.processor,
        compensation_limit_minor=said.full_minor,
    )


def _asking(item: SecureItem, draft: PolicyDraft) -> Asking:
    return Asking(item.renter_id, draft, item.scoring_consent, item.circumstances.assurance, item.traceparent)


def _authorize(deposit: Deposit, amount: Money) -> Operation:
    operation_id = new_id_of("opn", deposit.renter_id)
    return Operation(
        operation_id,
        deposit.deposit_id,
        OperationKind.AUTHORIZE,
        amount,
        deposit.payment_ref,
        processor=deposit.processor,
        hold_id=operation_id,
    )


def score_use(
    kind: UseKind, use_id: str, item: SecureItem | Held, threshold: int, answer: Answer, now: datetime
) -> ScoreUse | None:
    """What scoring is told of its answer; nothing, when it gave none."""
    if not answer.model_version:
        return None
    return ScoreUse(
        use_id,
        item.renter_id,
        item.partner_id,
        item.asset_kind,
        kind,
        threshold,
        answer.outcome,
        answer.reason_codes,
        answer.model_version,
        answer.facts_version,
        now,
    )


def _written(deposit: Deposit | None) -> Deposit | Refusal:
    return deposit if deposit is not None else payment_method_required()


def _answer(answer: Answer | Refusal) -> Answer:
    """Scoring down is not the renter's fault: a paid deposit, labelled as such, never a refusal and never a waiver."""
    if isinstance(answer, Refusal):
        return Answer(AdmittanceOutcome.CANNOT_ASSESS, (SCORING_UNAVAILABLE,), "", None)
    return answer


def not_linked() -> Refusal:
    """The refusal of a partner to whom the person is not linked."""
    return Refusal(Category.FAILED_PRECONDITION, "RENTER_NOT_LINKED", "the renter is not linked to this partner")
