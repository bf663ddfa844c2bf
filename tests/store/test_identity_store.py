"""Identity on a real PostgreSQL: one person one account, codes that work once, consent in order, nothing in clear."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.identity.domain import (
    MOST_CODES,
    MOST_TRIES,
    SCORING,
    AssuranceLevel,
    Person,
    RenterState,
    Standing,
    Verdict,
)
from services.identity.domain.documents import DocumentType
from services.identity.keys import create_keys, load_keys
from services.identity.operations import Access, Accounts, Checks, Consents, Partners, Renters
from services.identity.operations.checks import Check
from services.identity.operations.renters import LEASE, Registration
from services.identity.store import (
    AccessStore,
    AccountStore,
    CodeStore,
    ConsentStore,
    News,
    PartnerStore,
    RenterStore,
    SessionStore,
)
from services.identity.store.accounts import lock_account, lock_person
from services.identity.vault import Vault
from services.runtime.database import Database
from services.runtime.key_ring import FileKeyRing
from services.runtime.queries import load_queries
from services.sandbox.people import aged, person
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id, new_renter_id

ANN = Caller(Role.OPERATOR, "ann")

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPERATOR = Caller(Role.OPERATOR, "ann", None)


@dataclass
class Hands:
    """A clock that stands still until it is turned."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time


@dataclass
class Desk:
    """Identity's use cases over real stores; the registry and the phones are these lists."""

    db: Database
    vault: Vault
    clock: Hands = field(default_factory=Hands)
    verdict: Verdict | None = Verdict.MATCH
    asked: list[str] = field(default_factory=list)
    phones: list[tuple[str, str]] = field(default_factory=list)
    spawned: list[asyncio.Task[None]] = field(default_factory=list)
    told: int = 0

    def __post_init__(self) -> None:
        news = News(self.clock.now, self._tell)
        people, seen, hands = RenterStore(self.db, news), AccessStore(self.db), self.clock
        self.renters = Renters(people, seen, self.vault, self, self._spawn, lambda: None, hands, hands)
        self.access = Access(
            people,
            CodeStore(self.db, news),
            SessionStore(self.db),
            seen,
            self.vault,
            self,
            self._sign,
            self._spawn,
            hands,
            hands,
        )
        self.accounts = Accounts(people, AccountStore(self.db, news), seen, self.vault, self, self._tell, hands, hands)
        self.partners = Partners(PartnerStore(self.db), self.vault, self.clock, self.clock)
        self.consents = Consents(ConsentStore(self.db, news), self.clock)
        self.checks = Checks(people, seen, self.vault, self.clock)

    async def verify(self, question_id: str, person: Person) -> Verdict | None:
        self.asked.append(question_id.partition(".")[0])
        return self.verdict

    async def compare(self, question_id: str, person: Person, face_token: str) -> bool | None:
        return {"face_match": True, "face_unclear": None}.get(face_token, False)

    async def send(self, phone: str, text: str) -> None:
        self.phones.append((phone, text[:6]))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> Any:
        self.spawned.append(asyncio.create_task(work, name=name))
        return self.spawned[-1]

    def _sign(self, renter_id: str, partner_id: str, now: datetime) -> tuple[str, datetime]:
        return f"token of {renter_id}", now + timedelta(hours=1)

    def _tell(self) -> None:
        self.told += 1

    async def partner(self) -> str:
        return (await self.partners.register("ann", new_id("req"), "Bikes")).partner_id

    async def register(self, partner_id: str, index: int = 1, request_id: str = "") -> str:
        renter = await self.renters.register(partner_id, registration(index, request_id or new_id("req")))
        return renter.renter_id

    async def code(self, partner_id: str, renter_id: str) -> str:
        await self.access.send_code(partner_id, new_id("req"), renter_id)
        await asyncio.gather(*self.spawned)
        return self.phones[-1][1]

    async def events(self) -> list[tuple[str, str]]:
        rows = await self.db.fetch("SELECT renter_id, kind FROM outbox ORDER BY event_id")
        return [(row["renter_id"], row["kind"]) for row in rows]


def registration(index: int, request_id: str, **changed: str) -> Registration:
    """What an app says of an invented person."""
    who = person(index)
    values = {"document_number": who.resident_id_number, "full_name": who.name, "phone": who.phone} | changed
    return Registration(request_id, DocumentType.RESIDENT_ID_CARD, **values)


def vault_of(folder: Path) -> Vault:
    """A vault with the keys of a folder."""
    return Vault(load_keys(folder), FileKeyRing(folder))


async def reason(work: Coroutine[Any, Any, Any]) -> str:
    """Why it is refused."""
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.reason


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for all; each test has partners and people of its own."""
    return fresh_database("identity_store", "identity")


@pytest_asyncio.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with fresh keys, so that the people of another test are not the same documents."""
    create_keys(tmp_path / "keys")
    db = await Database.connect(dsn, pool_size=8)
    await db.execute("DELETE FROM outbox")
    yield Desk(db, vault_of(tmp_path / "keys"))
    await db.close()


async def test_sixty_at_once_with_one_document_make_one_account(desk: Desk) -> None:
    partner = await desk.partner()
    outcomes = await asyncio.gather(*(desk.register(partner) for _ in range(60)), return_exceptions=True)
    made = [outcome for outcome in outcomes if isinstance(outcome, str)]
    refused = Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Refusal))
    assert len(made) == 1
    assert refused == {"DOCUMENT_ALREADY_REGISTERED": 59}
    assert desk.asked == made, "the registry is asked once"


async def test_repeats_at_once_give_the_first_account(desk: Desk) -> None:
    partner = await desk.partner()
    made = await asyncio.gather(*(desk.register(partner, request_id="again") for _ in range(20)))
    assert len(set(made)) == 1
    assert await reason(desk.register(partner, index=2, request_id="again")) == "REQUEST_ID_REUSED"
    other_phone = registration(1, "again", phone="+8613800138000")
    assert await reason(desk.renters.register(partner, other_phone)) == "REQUEST_ID_REUSED"
    other = await desk.partner()
    assert await desk.register(other, index=2, request_id="again") not in made, "another partner's ids are its own"


async def test_a_refused_document_does_not_say_whose_it_is(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    with pytest.raises(Refusal) as caught:
        await desk.register(await desk.partner())
    assert renter_id not in str(caught.value)
    assert caught.value.metadata == {}


@pytest.mark.parametrize("verdict", [None, Verdict.UNCLEAR, Verdict.MISMATCH, Verdict.MATCH])
async def test_a_verdict_is_recorded_and_silence_is_asked_again(desk: Desk, verdict: Verdict | None) -> None:
    desk.verdict = verdict
    renter_id = await desk.register(await desk.partner())
    state = (await desk.renters.get(OPERATOR, renter_id)).state
    wanted = {Verdict.UNCLEAR: RenterState.IN_REVIEW, Verdict.MISMATCH: RenterState.REJECTED}
    assert state is wanted.get(verdict, RenterState.VERIFIED if verdict else RenterState.PENDING)  # type: ignore[arg-type]

    desk.asked.clear()
    assert await desk.renters.verify_due() == 0, "not before the lease is over"
    desk.clock.time += LEASE
    desk.verdict = Verdict.MATCH
    both = await asyncio.gather(desk.renters.verify_due(), desk.renters.verify_due())
    assert sum(both) == (verdict is None)
    assert desk.asked.count(renter_id) == (verdict is None)
    if verdict is None:
        assert (await desk.renters.get(OPERATOR, renter_id)).state is RenterState.VERIFIED


async def test_the_pause_before_the_registry_is_asked_again_grows(desk: Desk) -> None:
    desk.verdict = None
    renter_id = await desk.register(await desk.partner())
    times = []
    for _ in range(7):
        row = await desk.db.fetchrow("SELECT verify_after FROM renters WHERE renter_id = $1", renter_id)
        assert row is not None
        times.append(row["verify_after"])
        desk.clock.time = row["verify_after"]
        await desk.renters.verify_due()
    pauses = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(times)]
    assert pauses == [10, 20, 40, 80, 160, 300]


async def test_a_code_works_once_and_verifies_the_phone(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    code = await desk.code(partner, renter_id)
    token = await desk.access.issue_token(partner, "issue", renter_id, code)
    assert renter_id in token.token
    assert token.token not in repr(token)
    assert (await desk.renters.get(OPERATOR, renter_id)).phone_verified
    assert await reason(desk.access.issue_token(partner, "issue", renter_id, code)) == "SECRET_ALREADY_SHOWN"
    assert await reason(desk.access.issue_token(partner, "other", renter_id, code)) == "CODE_INVALID"


async def test_one_of_many_that_show_a_code_at_once_gets_a_token(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    code = await desk.code(partner, renter_id)
    tries = (desk.access.issue_token(partner, f"try-{n}", renter_id, code) for n in range(10))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_five_wrong_tries_spoil_a_code_however_they_come(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    code = await desk.code(partner, renter_id)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    tries = (desk.access.issue_token(partner, f"wrong-{n}", renter_id, wrong) for n in range(MOST_TRIES))
    assert {o.reason for o in await asyncio.gather(*tries, return_exceptions=True)} == {"CODE_INVALID"}  # type: ignore[union-attr]
    assert await reason(desk.access.issue_token(partner, "right", renter_id, code)) == "CODE_TRIES_EXCEEDED"
    fresh = await desk.code(partner, renter_id)
    await desk.access.issue_token(partner, "right", renter_id, fresh)


async def test_codes_end_and_a_newer_one_ends_the_older(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    first = await desk.code(partner, renter_id)
    second = await desk.code(partner, renter_id)
    if first != second:
        assert await reason(desk.access.issue_token(partner, "a", renter_id, first)) == "CODE_INVALID"
    desk.clock.time += timedelta(minutes=5)
    assert await reason(desk.access.issue_token(partner, "b", renter_id, second)) == "CODE_INVALID"


async def test_who_is_not_linked_is_answered_like_somebody_unknown(desk: Desk) -> None:
    partner, stranger = await desk.partner(), await desk.partner()
    renter_id = await desk.register(partner)
    for whom in (renter_id, new_renter_id("rnt")):
        sent = [await desk.access.send_code(stranger, new_id("req"), whom) for _ in range(MOST_CODES)]
        assert sent == [desk.clock.time + timedelta(minutes=5)] * MOST_CODES
        assert await reason(desk.access.send_code(stranger, new_id("req"), whom)) == "CODE_TRIES_EXCEEDED"
        assert await reason(desk.access.issue_token(stranger, new_id("req"), whom, "000000")) == "CODE_INVALID"
    assert desk.phones == [], "nobody's phone rings"
    await desk.code(partner, renter_id)


async def test_a_repeated_request_for_a_code_sends_nothing(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    first = await desk.access.send_code(partner, "once", renter_id)
    desk.clock.time += timedelta(seconds=30)
    assert await desk.access.send_code(partner, "once", renter_id) == first
    await asyncio.gather(*desk.spawned)
    assert len(desk.phones) == 1


async def test_consent_tells_scoring_and_its_end_seals(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    assert await desk.events() == [], "nothing leaves before consent"
    granted = await desk.consents.grant(renter_id, "g1", partner, SCORING, "v1")
    assert [kind for _, kind in await desk.events()] == ["CONSENT_GRANTED", "JOINED", "DOCUMENT_VERIFIED"]
    assert (await desk.consents.grant(renter_id, "g2", partner, SCORING, "v1")).consent_id == granted.consent_id
    ended = await desk.consents.withdraw(renter_id, "w1", partner, SCORING)
    assert ended.withdrawn_at is not None
    assert ended.withdrawn_at > granted.granted_at, "also on a clock that stands still"
    assert (await desk.events())[-1] == (renter_id, "CONSENT_WITHDRAWN")
    assert (await desk.consents.withdraw(renter_id, "w1", partner, SCORING)) == ended
    assert await reason(desk.consents.withdraw(renter_id, "w2", partner, SCORING)) == "CONSENT_NOT_FOUND"


async def test_the_last_consent_seals_not_the_first(desk: Desk) -> None:
    one, two = await desk.partner(), await desk.partner()
    renter_id = await desk.register(one)
    assert await reason(desk.consents.grant(renter_id, "g0", two, SCORING, "v1")) == "RENTER_NOT_LINKED"
    await desk.renters.link(renter_id, "l1", two)
    for number, partner in enumerate((one, two)):
        await desk.consents.grant(renter_id, f"g{number + 1}", partner, SCORING, "v1")
    await desk.consents.withdraw(renter_id, "w1", one, SCORING)
    assert "CONSENT_WITHDRAWN" not in [kind for _, kind in await desk.events()]
    await desk.consents.withdraw(renter_id, "w2", two, SCORING)
    assert (await desk.events())[-1][1] == "CONSENT_WITHDRAWN"
    assert await reason(desk.consents.grant(renter_id, "g9", two, "HIRING", "v1")) == "PURPOSE_NOT_ALLOWED"


async def test_grants_and_withdrawals_at_once_end_in_one_state(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    changes: list[Coroutine[Any, Any, Any]] = []
    for number in range(10):
        changes.append(desk.consents.grant(renter_id, f"g{number}", partner, SCORING, f"v{number % 3}"))
        changes.append(desk.consents.withdraw(renter_id, f"w{number}", partner, SCORING))
    await asyncio.gather(*changes, return_exceptions=True)
    rows = await desk.db.fetch(
        "SELECT granted_at, withdrawn_at FROM consents WHERE renter_id = $1 ORDER BY granted_at", renter_id
    )
    assert sum(row["withdrawn_at"] is None for row in rows) <= 1
    for sooner, later in itertools.pairwise(rows):
        assert sooner["withdrawn_at"] <= later["granted_at"], "agreements follow each other"


async def test_whoever_waits_for_a_consent_sees_it(desk: Desk) -> None:
    """Or else a verification that waited would tell scoring nothing, and the consent had nothing to tell yet."""
    partner, sql = await desk.partner(), load_queries("services.identity")
    renter_id, held = await desk.register(partner), asyncio.Event()
    whose = (bucket_of(renter_id), renter_id)

    async def consents(connection: Any) -> None:
        await connection.execute(sql.hold_renters, [whose[0]], [renter_id])
        held.set()
        await asyncio.sleep(0.3)
        consent = (whose[0], new_id("cns"), renter_id, partner, SCORING, "v1", desk.clock.time)
        await connection.execute(sql.insert_consent, *consent)

    async def waits(connection: Any) -> tuple[bool, bool]:
        await held.wait()
        _, consenting = await lock_account(connection, sql, renter_id)
        return (await lock_person(connection, sql, renter_id, SCORING))["consenting"], consenting

    _, seen = await asyncio.gather(desk.db.transaction(consents), desk.db.transaction(waits))
    assert seen == (True, True)


async def test_n_people_are_checked_in_one_read_in_order(desk: Desk) -> None:
    one, two = await desk.partner(), await desk.partner()
    adult = await desk.register(one)
    await desk.consents.grant(adult, "g", one, SCORING, "v1")
    child = aged(13, desk.clock.time.date())
    young = registration(0, "young", document_number=child.resident_id_number, full_name=child.name, phone=child.phone)
    minor = (await desk.renters.register(one, young)).renter_id
    nobody = new_renter_id("rnt")
    asked = [(adult, one, "BIKE"), (nobody, one, "BIKE"), (adult, two, "BIKE"), (minor, one, "BIKE")]
    asked += [(minor, one, "E_BIKE"), (adult, "", "")]
    answers = await desk.checks.check([Check(*item) for item in asked])
    checked = AssuranceLevel.DOCUMENT_CHECKED
    assert isinstance(answers[1], Refusal)
    assert [answers[n] for n in (0, 2, 3, 4, 5)] == [
        Standing(verified=True, linked=True, old_enough=True, scoring_consent=True, assurance_level=checked),
        Standing(verified=True, linked=False, old_enough=True, scoring_consent=False, assurance_level=checked),
        Standing(verified=True, linked=True, old_enough=True, scoring_consent=False, assurance_level=checked),
        Standing(verified=True, linked=True, old_enough=False, scoring_consent=False, assurance_level=checked),
        Standing(verified=True, linked=False, old_enough=True, scoring_consent=True, assurance_level=checked),
    ]


async def test_a_key_is_shown_once_works_and_ends(desk: Desk) -> None:
    partner = await desk.partner()
    key, secret = await desk.partners.create_key(ANN, "k1", partner, "app")
    assert await reason(desk.partners.create_key(ANN, "k1", partner, "app")) == "SECRET_ALREADY_SHOWN"
    assert await reason(desk.partners.create_key(ANN, "k1", partner, "other")) == "REQUEST_ID_REUSED"
    assert await reason(desk.partners.create_key(ANN, "k2", new_id("ptn"), "app")) == "PARTNER_NOT_FOUND"
    digest = sha256(secret.encode()).digest()
    assert await desk.partners.resolve([digest, b"0" * 32]) == [key, None]
    ended = await desk.partners.revoke_key(ANN, "r1", key.api_key_id)
    assert ended.revoked_at is not None
    assert await desk.partners.resolve([digest]) == [None]
    assert key.api_key_id in await desk.partners.recently_revoked()
    assert await reason(desk.partners.revoke_key(ANN, "r2", new_id("key"))) == "API_KEY_NOT_FOUND"


async def test_who_may_see_a_person(desk: Desk) -> None:
    partner, stranger = await desk.partner(), await desk.partner()
    renter_id = await desk.register(partner)
    for caller in (OPERATOR, Caller(Role.PARTNER, partner, partner), Caller(Role.RENTER, renter_id, partner)):
        assert (await desk.renters.get(caller, renter_id)).renter_id == renter_id
    for caller in (Caller(Role.PARTNER, stranger, stranger), Caller(Role.RENTER, new_renter_id("rnt"), partner)):
        assert await reason(desk.renters.get(caller, renter_id)) == "RENTER_NOT_FOUND"
    assert bucket_of(renter_id) in range(1024)


async def test_no_table_holds_personal_data_or_a_secret_in_clear(desk: Desk) -> None:
    partner = await desk.partner()
    _, secret = await desk.partners.create_key(ANN, new_id("req"), partner, "app")
    renter_id = await desk.register(partner, index=77)
    code = await desk.code(partner, renter_id)
    await desk.access.issue_token(partner, "issue", renter_id, code)
    await desk.consents.grant(renter_id, "g1", partner, SCORING, "v1")
    who = person(77)
    tables = await desk.db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) >= 9
    for (table,) in tables:
        rows = await desk.db.fetch(f"SELECT t::text AS row FROM {table} t")
        text = "\n".join(row["row"] for row in rows)
        for value in (who.name, who.resident_id_number, who.phone, who.phone[3:], secret, secret[4:]):
            assert value not in text, table
            assert value.encode().hex() not in text, table
