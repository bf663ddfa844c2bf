"""What a device reports, and what its silence means. Only what has ever reported can fall silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.rental.domain.assets import AssetKind, AssetState
from services.rental.domain.fleet.points import Point
from services.rental.domain.fleet.states import STEPS, AssetStep
from services.rental.domain.ids import AssetId, PartnerId
from services.rental.domain.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Sighting:
    """One report about the asset with this code. What it leaves out (None) stays as it was.

    A position without a station says that it stands at none; a station says the position too.
    """

    code: str
    seen_at: datetime
    point: Point | None = None
    battery_percent: int | None = None
    range_meters: int | None = None
    station_code: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """An asset as its watchers see it: `seen_at` None when nothing was ever reported."""

    partner_id: PartnerId
    asset_id: AssetId
    asset_kind: AssetKind
    state: AssetState
    seen_at: datetime | None
    check_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the asset goes (None: it stays where it is) and when its silence is looked at next (None: not at all)."""

    state: AssetState | None
    check_at: datetime | None


def seen(asset: Watched, seen_at: datetime, now: datetime) -> Verdict | None:
    """What a sighting makes of an asset; None when a later one is known.

    A report that was so long under way that the asset counts as silent all the same brings nothing back.
    """
    if asset.seen_at is not None and seen_at <= asset.seen_at:
        return None
    contact = KINDS[asset.asset_kind].contact
    if contact is None:
        return Verdict(None, None)
    silent_at = seen_at + contact.silent_after
    state = STEPS[AssetStep.BE_SEEN].get(asset.state) if silent_at > now else None
    return Verdict(state, silent_at if state or asset.check_at is None else asset.check_at)


def silent(asset: Watched, now: datetime) -> Verdict:
    """What is due about the silence of an asset. One that is out is looked at again when it may be back.

    A state that nothing is due about is not looked at again until the next report, or until it is put in service.
    """
    contact = KINDS[asset.asset_kind].contact
    if contact is None or asset.seen_at is None:
        return Verdict(None, None)
    match asset.state:
        case AssetState.AVAILABLE if asset.seen_at + contact.silent_after <= now:
            return Verdict(STEPS[AssetStep.FALL_SILENT][asset.state], asset.seen_at + contact.missing_after)
        case AssetState.AVAILABLE:
            return Verdict(None, asset.seen_at + contact.silent_after)
        case AssetState.NON_CONTACTABLE if asset.seen_at + contact.missing_after <= now:
            return Verdict(STEPS[AssetStep.GO_MISSING][asset.state], None)
        case AssetState.NON_CONTACTABLE:
            return Verdict(None, asset.seen_at + contact.missing_after)
        case AssetState.RENTED | AssetState.RESERVED:
            return Verdict(None, now + contact.silent_after)
        case _:
            return Verdict(None, None)
