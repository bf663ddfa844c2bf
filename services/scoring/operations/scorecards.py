"""Putting scorecards into service: a challenger scores in the shadow, is compared, and is promoted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.scoring.domain import Admittance, Model, ModelError, Standing, admit
from services.scoring.domain.serving import (
    COMPARED_BEFORE_PROMOTION,
    Appointment,
    Pair,
    Pass,
    Role,
    Served,
    Shift,
)
from services.values.clock import Clock
from services.values.errors import Category, Refusal
from services.values.ids import new_id
from services.values.requests import Request, fingerprint

LATEST_PASSES = 20


class CardStore(Protocol):
    """Appointments, passes and comparisons."""

    async def read_appointments(self) -> Mapping[Role, Appointment]: ...
    async def appoint(self, request: Request, appointment: Appointment, default: str, compared: int) -> None: ...
    async def list_passes(self, limit: int) -> list[Pass]: ...
    async def add_comparisons(self, challenge_id: str, pairs: Mapping[tuple[str, str], int]) -> None: ...
    async def compare(self, challenge_id: str) -> list[Pair]: ...
    async def shifts(self, challenger: str, champion: str) -> list[Shift]: ...


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the challenger would have decided since it was appointed, and how far its scores lie off."""

    champion: str
    challenger: str
    pairs: Sequence[Pair]
    shifts: Sequence[Shift]


class Scorecards:
    """The scorecards that are known here, and which of them are at work.

    Args:
        known: by version, all of which can be served.
        default: the champion until another one is appointed.

    Raises:
        ModelError: the default is not known.
    """

    def __init__(self, store: CardStore, known: Mapping[str, Model], default: str, clock: Clock) -> None:
        self._store = store
        self.known = known
        if default not in known:
            raise ModelError(f"there is no scorecard {default}; there are {', '.join(sorted(known))}")
        self.served = Served(known[default])
        self._default = default
        self._clock = clock
        self._pairs: Counter[tuple[str, str]] = Counter()

    def of(self, version: str) -> Model:
        """The scorecard of that version; the champion when it is not here any more."""
        return self.known.get(version, self.served.champion)

    async def begin(self) -> None:
        """Takes up what is appointed before anything is served. Raises ModelError when the champion is not here."""
        await self.follow()
        appointed = (await self._store.read_appointments()).get(Role.CHAMPION)
        if appointed is not None and appointed.model_version not in self.known:
            raise ModelError(f"scorecard {appointed.model_version} is in force, and its file is not here")

    async def follow(self) -> bool:
        """Takes up what is appointed by now; says whether that changed anything.

        A version that this process has no file of is not taken up: it goes on with what it has.
        """
        found = await self._store.read_appointments()
        champion = self.known.get(found[Role.CHAMPION].model_version if Role.CHAMPION in found else self._default)
        challenge = found.get(Role.CHALLENGER)
        challenger = self.known.get(challenge.model_version) if challenge else None
        if challenger is champion:
            challenger = None
        served = Served(
            champion or self.served.champion, challenger, challenge.appointment_id if challenge and challenger else ""
        )
        changed = served != self.served
        if changed:
            await self.flush()
            self.served = served
        return changed

    def compared(self, standing: Standing, threshold: int, decided: Admittance) -> None:
        """Counts what the challenger would have decided; nothing is written on the way."""
        challenger = self.served.challenger
        if challenger is not None and standing.shadow_version == challenger.version:
            said = admit(standing.in_the_shadow(), threshold)
            self._pairs[decided.outcome, said.outcome] += 1

    async def flush(self) -> int:
        """Writes the counts down; gives how many decisions they are about."""
        pairs, self._pairs = self._pairs, Counter()
        if pairs and self.served.challenge_id:
            try:
                await self._store.add_comparisons(self.served.challenge_id, pairs)
            except Refusal:
                self._pairs += pairs
                raise
        return pairs.total()

    async def passes(self) -> list[Pass]:
        """Walks over everybody, the latest first."""
        return await self._store.list_passes(LATEST_PASSES)

    async def compare(self) -> Comparison:
        """The comparison so far; of no challenger there is nothing to tell."""
        await self.follow()
        await self.flush()
        served = self.served
        if served.challenger is None:
            return Comparison(served.champion.version, "", (), ())
        return Comparison(
            served.champion.version,
            served.challenger.version,
            await self._store.compare(served.challenge_id),
            await self._store.shifts(served.challenger.version, served.champion.version),
        )

    async def challenge(self, operator: str, request_id: str, version: str, reason: str) -> Served:
        """What is at work, with that challenger or none.

        Raises:
            Refusal: SCORECARD_NOT_FOUND, STATE_NOT_ALLOWED, REQUEST_ID_REUSED.
        """
        if version and version not in self.known:
            raise scorecard_not_found()
        content = fingerprint(version, reason)
        request = Request(0, operator, "SetChallenger", request_id, content)
        return await self._appoint(request, Role.CHALLENGER, version, reason)

    async def promote(self, operator: str, request_id: str, version: str, reason: str, *, unchecked: bool) -> Served:
        """What is at work, with that champion.

        Raises:
            Refusal: SCORECARD_NOT_FOUND, SCORECARD_NOT_COMPARED, STATE_NOT_ALLOWED, REQUEST_ID_REUSED.
        """
        if version not in self.known:
            raise scorecard_not_found()
        await self.flush()
        content = fingerprint(version, reason, unchecked)
        request = Request(0, operator, "PromoteScorecard", request_id, content)
        needed = 0 if unchecked else COMPARED_BEFORE_PROMOTION
        return await self._appoint(request, Role.CHAMPION, version, reason, needed)

    async def _appoint(self, request: Request, role: Role, version: str, reason: str, compared: int = 0) -> Served:
        now = self._clock.now()
        appointment = Appointment(new_id("apt"), role, version, reason, request.caller, now)
        await self._store.appoint(request, appointment, self._default, compared)
        await self.follow()
        return self.served


def scorecard_not_found() -> Refusal:
    """The refusal of a version that cannot be served here."""
    return Refusal(Category.NOT_FOUND, "SCORECARD_NOT_FOUND", "no scorecard of this version can be served")


def not_compared() -> Refusal:
    """The refusal to promote what was not compared on enough decisions."""
    text = f"compare it as the challenger on {COMPARED_BEFORE_PROMOTION} decisions first"
    return Refusal(Category.FAILED_PRECONDITION, "SCORECARD_NOT_COMPARED", text)


def already_at_work() -> Refusal:
    """The refusal to appoint what is at work in that role, or a champion as its own challenger."""
    return Refusal(Category.FAILED_PRECONDITION, "STATE_NOT_ALLOWED", "this scorecard is at work already")
