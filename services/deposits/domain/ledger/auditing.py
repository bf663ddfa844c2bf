"""The audit: recomputes chains, balances, totals and roots from the rows themselves, and names whatever does not fit.

It takes the books bucket by bucket and keeps, beyond one bucket, only what is summed over all of them. A break is named
once: what follows a link that was changed is checked against both what is stored and what it should be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from services.deposits.domain.ledger.books import BookedTransfer, Head, Pages
from services.deposits.domain.ledger.chain import digest_of, entry_text, link_hash, moment_text, transfer_text
from services.deposits.domain.ledger.periods import Period
from services.deposits.domain.ledger.sealing import Leaf, Root, Tree, root_of
from services.deposits.domain.ledger.transfers import breach


class What(StrEnum):
    """What was found."""

    LINK_CHANGED = "LINK_CHANGED"
    LINK_MISSING = "LINK_MISSING"
    HEAD_CHANGED = "HEAD_CHANGED"
    TRANSFER_WRONG = "TRANSFER_WRONG"
    BALANCE_CHANGED = "BALANCE_CHANGED"
    ROOT_CHANGED = "ROOT_CHANGED"
    ROOT_MISSING = "ROOT_MISSING"
    ROLL_UP_CHANGED = "ROLL_UP_CHANGED"
    PERIOD_CHANGED = "PERIOD_CHANGED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit: `subject` is the id, day or account it is about."""

    what: What
    subject: str
    text: str


Sums = dict[tuple[object, ...], list[int]]
Totals = Mapping[tuple[object, ...], tuple[int, int]]
"""Debits and credits, minor units, by whatever they are summed by."""


@dataclass
class Audit:
    """One audit.

    Args:
        sealed: the days that have a root, or are about to get it.
        closed: the months that are closed, by their first days.
    """

    sealed: frozenset[date]
    closed: frozenset[date]
    renters: int = 0
    links: int = 0
    transfers: int = 0
    _trees: dict[date, Tree] = field(default_factory=lambda: defaultdict(Tree))
    _rolled: Sums = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    _months: Sums = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def bucket(self, pages: Pages) -> Iterator[Finding]:
        """The findings of one bucket; buckets come in order."""
        for renter_id in sorted({*pages.transfers, *pages.heads, *pages.balances}):
            mine = pages.transfers.get(renter_id, ())
            head = pages.heads.get(renter_id)
            self.renters += 1
            self.transfers += len(mine)
            yield from _wrong_transfers(mine)
            yield from self._chain(renter_id, mine, head)
            yield from _wrong_balances(renter_id, mine, pages.balances.get(renter_id, {}))
            self._sum(mine, head)

    def end(self, roots: Sequence[Root], rolled: Totals, periods: Sequence[Period]) -> Iterator[Finding]:
        """The findings about what is summed over all renters; `rolled` is by (partner_id, day, account, currency)."""
        yield from self._roots(roots)
        for key in sorted({*self._rolled, *rolled}, key=str):
            mine, theirs = tuple(self._rolled.get(key, (0, 0))), rolled.get(key, (0, 0))
            if mine != theirs:
                who = " ".join(map(str, key))
                yield Finding(
                    What.ROLL_UP_CHANGED, str(key[0]), f"the roll-up of {who} is {theirs}, its entries {mine}"
                )
        for period in periods:
            yield from self._period(period)

    def _chain(self, renter_id: str, mine: Sequence[BookedTransfer], head: Head | None) -> Iterator[Finding]:
        links: dict[int, list[BookedTransfer]] = defaultdict(list)
        for one in mine:
            links[one.link].append(one)
        self.links += len(links)
        expected, previous = 1, frozenset({b""})
        for number in sorted(links):
            if number > expected:
                yield _missing(renter_id, expected, number - 1)
                previous = frozenset()
            stored, computed = _hashes(links[number], previous)
            if len(stored) != 1 or (previous and not stored <= computed):
                yield _changed(renter_id, number, links[number])
            expected, previous = number + 1, stored | computed
        last = expected - 1
        for leaf in self._leaves(renter_id, links):
            self._trees[leaf[0]].add(leaf[1])
        yield from _wrong_head(renter_id, head, last, previous)

    def _leaves(self, renter_id: str, links: Mapping[int, Sequence[BookedTransfer]]) -> list[tuple[date, Leaf]]:
        """By day, the last link of the chain as it was by the end of that day, where it is of that day."""
        latest: dict[date, Leaf] = {}
        for number in sorted(links):
            one = links[number][-1]
            for later in [day for day in latest if day > one.booked_on]:
                del latest[later]
            latest[one.booked_on] = Leaf(renter_id, number, one.link_hash)
        return [(day, leaf) for day, leaf in latest.items() if day in self.sealed]

    def _sum(self, mine: Sequence[BookedTransfer], head: Head | None) -> None:
        for one in mine:
            rolled = head is None or one.link <= head.rolled_link
            month = one.booked_on.replace(day=1)
            for entry in one.entries:
                side = 0 if entry.amount_minor > 0 else 1
                if rolled:
                    key = (one.partner_id, one.booked_on, entry.account, entry.currency)
                    self._rolled[key][side] += abs(entry.amount_minor)
                if month in self.closed:
                    self._months[month, entry.account, entry.currency][side] += abs(entry.amount_minor)

    def _roots(self, roots: Sequence[Root]) -> Iterator[Finding]:
        previous, expected = frozenset({b""}), roots[0].day if roots else date.min
        for root in roots:
            if root.day != expected:
                yield Finding(What.ROOT_MISSING, expected.isoformat(), f"no root from {expected} to before {root.day}")
                previous = frozenset()
            expected = root.day + timedelta(days=1)
            computed = frozenset(root_of(before, root.day, self._trees[root.day]) for before in previous)
            if root.root and previous and root.root not in computed:
                yield Finding(
                    What.ROOT_CHANGED, root.day.isoformat(), f"the root of {root.day} is not that of its links"
                )
            previous = computed | {root.root} if root.root else frozenset()

    def _period(self, period: Period) -> Iterator[Finding]:
        mine = {key[1:]: (sums[0], sums[1]) for key, sums in self._months.items() if key[0] == period.month}
        stored: Totals = {(t.account, t.currency): (t.debits_minor, t.credits_minor) for t in period.totals}
        for key in sorted({*mine, *stored}, key=str):
            if mine.get(key) != stored.get(key):
                name = f"{period.month:%Y-%m}"
                text = f"{' '.join(map(str, key))} of the closed period {name} is not the sum of its entries"
                yield Finding(What.PERIOD_CHANGED, name, text)


def _hashes(link: Sequence[BookedTransfer], previous: Iterable[bytes]) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """The hashes that are stored for a link, and those that follow from what may come before it."""
    digest = digest_of(_text(one) for one in link)
    days = {one.booked_on for one in link}
    computed = frozenset(link_hash(before, digest, day) for before in previous for day in days)
    return frozenset(one.link_hash for one in link), computed if len(days) == 1 else frozenset()


def _text(one: BookedTransfer) -> str:
    fields = (one.transfer_id, one.deposit_id, one.renter_id, one.partner_id, one.kind, moment_text(one.occurred_at))
    return transfer_text(
        (*fields, one.corrects), (entry_text(e.position, e.account, e.currency, e.amount_minor) for e in one.entries)
    )


def _missing(renter_id: str, first: int, last: int) -> Finding:
    return Finding(What.LINK_MISSING, renter_id, f"links {first} to {last} of {renter_id} are gone")


def _changed(renter_id: str, number: int, link: Sequence[BookedTransfer]) -> Finding:
    names = ", ".join(sorted(one.transfer_id for one in link))
    days = ", ".join(sorted({one.booked_on.isoformat() for one in link}))
    return Finding(
        What.LINK_CHANGED, renter_id, f"link {number} of {renter_id} is not what was written: {names} ({days})"
    )


def _wrong_head(renter_id: str, head: Head | None, last: int, hashes: frozenset[bytes]) -> Iterator[Finding]:
    if head is None:
        if last:
            yield Finding(What.HEAD_CHANGED, renter_id, f"the head of {renter_id} is gone")
    elif head.link > last:
        yield _missing(renter_id, last + 1, head.link)
    elif head.link < last or head.hash not in hashes or head.rolled != (head.rolled_link == head.link):
        yield Finding(What.HEAD_CHANGED, renter_id, f"the head of {renter_id} is not its last link, {last}")


def _wrong_transfers(mine: Sequence[BookedTransfer]) -> Iterator[Finding]:
    known = {one.transfer_id for one in mine}
    for one in mine:
        wrong = breach(one.kind, [(entry.account, entry.amount_minor) for entry in one.entries])
        if len({entry.currency for entry in one.entries}) != 1 or not one.entries:
            wrong = "has not exactly one currency"
        if any(entry.renter_id != one.renter_id for entry in one.entries):
            wrong = "has an entry of another renter"
        if one.corrects and one.corrects not in known:
            wrong = "corrects a transfer that is not there"
        if wrong:
            yield Finding(What.TRANSFER_WRONG, one.transfer_id, f"{one.transfer_id} {wrong}")


def _wrong_balances(
    renter_id: str, mine: Sequence[BookedTransfer], stored: Mapping[tuple[str, str], int]
) -> Iterator[Finding]:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for one in mine:
        for entry in one.entries:
            sums[entry.account, entry.currency] += entry.amount_minor
    for key in sorted({*sums, *stored}):
        if sums.get(key, 0) != stored.get(key, 0):
            text = f"{' '.join(key)} of {renter_id} is {stored.get(key, 0)}, the sum of its entries {sums.get(key, 0)}"
            yield Finding(What.BALANCE_CHANGED, renter_id, text)
