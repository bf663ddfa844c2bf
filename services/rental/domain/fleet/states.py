"""The states of an asset, after MDS (the Mobility Data Specification), and every step between them, as data.

Those of rentals and reservations are taken by their own statements, which write rental and asset together; the others
by whoever is named beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from services.rental.domain.assets import AssetState as S


class AssetStep(StrEnum):
    """What happens to an asset; beside it the event of MDS."""

    RESERVE = "RESERVE"  # reservation_start
    LET_GO = "LET_GO"  # reservation_cancel, reservation_stop
    RENT = "RENT"  # trip_start
    GIVE_BACK = "GIVE_BACK"  # trip_end
    LOSE = "LOSE"  # not_located: its rental was never ended
    FIND = "FIND"  # located: what was lost with a rental
    FALL_SILENT = "FALL_SILENT"  # comms_lost, by the sweeper
    GO_MISSING = "GO_MISSING"  # not_located, by the sweeper
    BE_SEEN = "BE_SEEN"  # comms_restored, located: its device reports
    PUT_IN_SERVICE = "PUT_IN_SERVICE"  # maintenance_end, provider_drop_off: by the partner
    TAKE_IN = "TAKE_IN"  # maintenance: by the partner
    CALL_MISSING = "CALL_MISSING"  # not_located: by the partner
    REMOVE = "REMOVE"  # decommissioned, maintenance_pick_up: by the partner


_IDLE = (S.AVAILABLE, S.NON_CONTACTABLE, S.MISSING, S.MAINTENANCE, S.REMOVED)


def _from_all_but(after: S) -> dict[S, S]:
    return {before: after for before in _IDLE if before is not after}


STEPS: Mapping[AssetStep, Mapping[S, S]] = {
    AssetStep.RESERVE: {S.AVAILABLE: S.RESERVED},
    AssetStep.LET_GO: {S.RESERVED: S.AVAILABLE},
    AssetStep.RENT: {S.AVAILABLE: S.RENTED, S.RESERVED: S.RENTED},
    AssetStep.GIVE_BACK: {S.RENTED: S.AVAILABLE},
    AssetStep.LOSE: {S.RENTED: S.MISSING},
    AssetStep.FIND: {S.MISSING: S.AVAILABLE},
    AssetStep.FALL_SILENT: {S.AVAILABLE: S.NON_CONTACTABLE},
    AssetStep.GO_MISSING: {S.NON_CONTACTABLE: S.MISSING},
    AssetStep.BE_SEEN: {S.NON_CONTACTABLE: S.AVAILABLE, S.MISSING: S.MAINTENANCE},
    AssetStep.PUT_IN_SERVICE: _from_all_but(S.AVAILABLE),
    AssetStep.TAKE_IN: _from_all_but(S.MAINTENANCE),
    AssetStep.CALL_MISSING: _from_all_but(S.MISSING),
    AssetStep.REMOVE: _from_all_but(S.REMOVED),
}
"""Every step, and where it leads from which state. What was missing is looked at before anybody rents it again."""

COMMANDED: Mapping[S, AssetStep] = {
    S.AVAILABLE: AssetStep.PUT_IN_SERVICE,
    S.MAINTENANCE: AssetStep.TAKE_IN,
    S.MISSING: AssetStep.CALL_MISSING,
    S.REMOVED: AssetStep.REMOVE,
}
"""The states that a partner may put an asset into, and by which step."""


def commanded_from(state: S) -> Sequence[S]:
    """The states from which a partner may put an asset into this one, itself included; none if it may not."""
    step = COMMANDED.get(state)
    return () if step is None else (*STEPS[step], state)
