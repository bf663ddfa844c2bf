"""What a policy may say, kind by kind: bounds that nobody can step over, and the form of its tiers.

Lines: below 450 a score says that agreements were broken, so nothing is waived there at all; above the
highest line hardly anybody would be waived, and the policy would ask for scores that it does not use. Deposits: at most
what the thing can cost to replace. They are minor units of whichever currency.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from services.deposits.domain.policies.policy import PolicyDraft, Tier
from services.deposits.domain.policies.refusals import out_of_bounds
from services.values.errors import Refusal, invalid


@dataclass(frozen=True, slots=True)
class Bounds:
    """`safe_line`: lowering a line to below it needs a second person."""

    lowest_line: int
    highest_line: int
    safe_line: int
    least_deposit_minor: int
    most_deposit_minor: int
    most_rent_tenths: int


BOUNDS: Mapping[str, Bounds] = {
    "BIKE": Bounds(450, 800, 550, 100, 50_000, 10),
    "E_BIKE": Bounds(450, 850, 600, 100, 200_000, 20),
    "UMBRELLA": Bounds(450, 750, 500, 100, 5_000, 10),
    "POWER_BANK": Bounds(450, 750, 500, 100, 15_000, 10),
    "SHOP_VISIT": Bounds(450, 850, 600, 100, 500_000, 10),
}
"""The table of docs/partners.md."""


def fault_of(draft: PolicyDraft) -> Refusal | None:
    """Why nobody may set this policy: POLICY_OUT_OF_BOUNDS or INVALID_FIELD, naming the field."""
    bounds = BOUNDS[draft.asset_kind]
    limits = (
        ("threshold", draft.threshold, bounds.lowest_line, bounds.highest_line),
        ("deposit", draft.deposit.amount_minor, bounds.least_deposit_minor, bounds.most_deposit_minor),
        ("rent_multiple_tenths", draft.rent_multiple_tenths, 0, bounds.most_rent_tenths),
        *(("tiers", tier.above, bounds.lowest_line, bounds.highest_line) for tier in draft.tiers),
    )
    beyond = [(name, least, most) for name, asked, least, most in limits if not least <= asked <= most]
    return out_of_bounds(*beyond[0]) if beyond else _fault_of_tiers(draft)


def _fault_of_tiers(draft: PolicyDraft) -> Refusal | None:
    if any(line <= before for before, line in itertools.pairwise(draft.lines)):
        return invalid("tiers", "lines ascend, and all lie below the threshold")
    fixed = [bool(tier.amount_minor) for tier in draft.tiers]
    if any(fixed) and (not all(fixed) or draft.rent_multiple_tenths):
        return invalid("tiers", "all are percents, or all are amounts and the deposit is a fixed one")
    parts = [draft.deposit.amount_minor if any(fixed) else 100, *map(_part, draft.tiers)]
    if any(part >= before for before, part in itertools.pairwise(parts)):
        return invalid("tiers", "each takes less than the one before, and all take less than the deposit")
    return None


def _part(tier: Tier) -> int:
    return tier.amount_minor or tier.percent
