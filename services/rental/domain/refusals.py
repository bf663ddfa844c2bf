"""Why rental refuses; the reasons are documented in `freehold.errors.v1.ErrorReason`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.rental.domain.assets import AssetState
from services.rental.domain.states import RentalState
from services.values.errors import Category, Refusal

CALLER_CANCELLED = "CALLER_CANCELLED"
NOT_ACTIVE_IN_TIME = "NOT_ACTIVE_IN_TIME"
HOLD_EXPIRED = "HOLD_EXPIRED"

_START: Mapping[str, tuple[Category, str]] = {
    "RENTER_NOT_FOUND": (Category.NOT_FOUND, "no such renter"),
    "RENTER_NOT_LINKED": (Category.FAILED_PRECONDITION, "the renter is not linked to this partner"),
    "RENTER_NOT_VERIFIED": (Category.FAILED_PRECONDITION, "the renter's document is not verified"),
    "RENTER_TOO_YOUNG": (Category.FAILED_PRECONDITION, "the renter is too young for this kind of asset"),
    "POLICY_NOT_FOUND": (Category.NOT_FOUND, "no policy is in force for this kind of asset"),
    "PAYMENT_METHOD_REQUIRED": (
        Category.FAILED_PRECONDITION,
        "a deposit has to be held and there is no payment method",
    ),
    "PAYMENT_METHOD_NOT_FOUND": (Category.NOT_FOUND, "the renter has no such payment method"),
    "PAYMENT_DECLINED": (Category.FAILED_PRECONDITION, "the processor declined the deposit"),
    "CURRENCY_MISMATCH": (Category.FAILED_PRECONDITION, "the price plan and the policy differ in currency"),
    HOLD_EXPIRED: (Category.FAILED_PRECONDITION, "the hold lapsed before the asset was handed over"),
    NOT_ACTIVE_IN_TIME: (Category.FAILED_PRECONDITION, "the rental did not become active in time; nobody is billed"),
}
_TEMPORARY = frozenset({Category.UNAVAILABLE, Category.RESOURCE_EXHAUSTED, Category.DEADLINE_EXCEEDED})
_PERMANENT = frozenset({Category.NOT_FOUND, Category.FAILED_PRECONDITION})


def start_refusal(reason: str, metadata: Mapping[str, str]) -> Refusal:
    """The refusal that a cancelled rental's reason stands for: the same at first and on every replay."""
    category, message = _START.get(reason, (Category.FAILED_PRECONDITION, "the deposit was refused"))
    return Refusal(
        category, "RENTAL_CANCELLED" if reason == NOT_ACTIVE_IN_TIME else reason, message, metadata=dict(metadata)
    )


def ends_the_rental(refusal: Refusal) -> bool:
    """Whether a neighbour's refusal is an answer, which is kept, or a failure, after which the same is asked again."""
    return refusal.category in _PERMANENT


def for_now(refusal: Refusal) -> Refusal:
    """What the caller hears of a neighbour's failure: retry with the same request_id."""
    if refusal.category in _TEMPORARY:
        return refusal
    return Refusal(Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "a service that this call needs did not answer")


def request_id_reused() -> Refusal:
    """REQUEST_ID_REUSED."""
    return Refusal(Category.ALREADY_EXISTS, "REQUEST_ID_REUSED", "the request_id was used with other content")


def renter_not_found() -> Refusal:
    """RENTER_NOT_FOUND."""
    return Refusal(Category.NOT_FOUND, "RENTER_NOT_FOUND", "no such renter")


def renter_not_linked() -> Refusal:
    """RENTER_NOT_LINKED."""
    return Refusal(Category.FAILED_PRECONDITION, "RENTER_NOT_LINKED", "the renter is not linked to this partner")


def asset_not_found() -> Refusal:
    """ASSET_NOT_FOUND."""
    return Refusal(Category.NOT_FOUND, "ASSET_NOT_FOUND", "no such asset of this partner")


def asset_not_available() -> Refusal:
    """ASSET_NOT_AVAILABLE."""
    return Refusal(Category.FAILED_PRECONDITION, "ASSET_NOT_AVAILABLE", "the asset is rented")


def asset_state_not_allowed(state: AssetState) -> Refusal:
    """ASSET_STATE_NOT_ALLOWED, with the state in which the asset is."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "ASSET_STATE_NOT_ALLOWED",
        "from the state in which the asset is that one cannot be reached",
        metadata={"state": state},
    )


def station_not_found() -> Refusal:
    """STATION_NOT_FOUND."""
    return Refusal(Category.NOT_FOUND, "STATION_NOT_FOUND", "no station of this partner has that code")


def fleet_profile_not_set() -> Refusal:
    """FLEET_PROFILE_NOT_SET."""
    return Refusal(Category.FAILED_PRECONDITION, "FLEET_PROFILE_NOT_SET", "the partner has no fleet profile yet")


def asset_code_taken() -> Refusal:
    """ASSET_CODE_TAKEN."""
    return Refusal(Category.ALREADY_EXISTS, "ASSET_CODE_TAKEN", "an asset of this partner has that code")


def price_plan_not_found() -> Refusal:
    """PRICE_PLAN_NOT_FOUND."""
    return Refusal(Category.NOT_FOUND, "PRICE_PLAN_NOT_FOUND", "no such price plan of this partner")


def charge_required() -> Refusal:
    """CHARGE_REQUIRED."""
    return Refusal(Category.FAILED_PRECONDITION, "CHARGE_REQUIRED", "the partner says what this kind of rental costs")


def charge_not_allowed(limit_minor: int) -> Refusal:
    """CHARGE_NOT_ALLOWED, with the most that may be told: 0 where the price plan says what a rental costs."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "CHARGE_NOT_ALLOWED",
        "the price plan says what it costs, or it costs more than this kind may, or in another currency",
        metadata={"limit_minor": str(limit_minor)},
    )


def step_not_allowed(state: RentalState) -> Refusal:
    """RENTAL_STEP_NOT_ALLOWED, with the state."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "RENTAL_STEP_NOT_ALLOWED",
        "the rental's state or kind does not allow it",
        metadata={"state": state},
    )


def return_out_of_bounds(earliest: datetime, latest: datetime) -> Refusal:
    """RETURN_OUT_OF_BOUNDS, with the bounds."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "RETURN_OUT_OF_BOUNDS",
        "it cannot have been back at that time",
        metadata={"earliest": earliest.isoformat(), "latest": latest.isoformat()},
    )


def return_already_disputed() -> Refusal:
    """RETURN_ALREADY_DISPUTED."""
    return Refusal(Category.FAILED_PRECONDITION, "RETURN_ALREADY_DISPUTED", "the return was disputed before")


def return_not_disputed() -> Refusal:
    """RETURN_NOT_DISPUTED."""
    return Refusal(Category.FAILED_PRECONDITION, "RETURN_NOT_DISPUTED", "no dispute about the return is open")


def payment_under_way() -> Refusal:
    """PAYMENT_UNDER_WAY: deposits has to answer first."""
    return Refusal(Category.UNAVAILABLE, "PAYMENT_UNDER_WAY", "a payment is under way; retry with the same request_id")


def kind_not_reservable() -> Refusal:
    """KIND_NOT_RESERVABLE."""
    return Refusal(Category.FAILED_PRECONDITION, "KIND_NOT_RESERVABLE", "this kind of asset is not kept for anybody")


def reservation_open() -> Refusal:
    """RESERVATION_OPEN."""
    return Refusal(Category.FAILED_PRECONDITION, "RESERVATION_OPEN", "something is kept for this renter already")


def reservation_not_found() -> Refusal:
    """RESERVATION_NOT_FOUND: there is none, or it is another's; which of them is not told."""
    return Refusal(Category.NOT_FOUND, "RESERVATION_NOT_FOUND", "no such reservation")


def reservation_not_held(state: str) -> Refusal:
    """RESERVATION_NOT_HELD, with the state."""
    return Refusal(
        Category.FAILED_PRECONDITION, "RESERVATION_NOT_HELD", "the reservation is over", metadata={"state": state}
    )


def rental_not_found() -> Refusal:
    """RENTAL_NOT_FOUND: there is none, or it is another's; which of them is not told."""
    return Refusal(Category.NOT_FOUND, "RENTAL_NOT_FOUND", "no such rental")


def rental_not_active(state: RentalState) -> Refusal:
    """RENTAL_NOT_ACTIVE, with the state."""
    return Refusal(
        Category.FAILED_PRECONDITION, "RENTAL_NOT_ACTIVE", "the rental is not active", metadata={"state": state}
    )


def rental_not_cancellable(state: RentalState) -> Refusal:
    """RENTAL_NOT_CANCELLABLE, with the state."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "RENTAL_NOT_CANCELLABLE",
        "the rental can no longer be cancelled",
        metadata={"state": state},
    )


def rental_not_ended(state: RentalState) -> Refusal:
    """RENTAL_NOT_ENDED, with the state."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "RENTAL_NOT_ENDED",
        "only a rental that ended has a receipt",
        metadata={"state": state},
    )


def fee_not_in_plan() -> Refusal:
    """FEE_NOT_IN_PLAN."""
    return Refusal(Category.FAILED_PRECONDITION, "FEE_NOT_IN_PLAN", "the rental's price plan has no fee of that code")


def discount_not_in_plan() -> Refusal:
    """DISCOUNT_NOT_IN_PLAN."""
    return Refusal(
        Category.FAILED_PRECONDITION, "DISCOUNT_NOT_IN_PLAN", "the rental's price plan has no discount of that code"
    )


def discount_not_valid() -> Refusal:
    """DISCOUNT_NOT_VALID."""
    return Refusal(
        Category.FAILED_PRECONDITION, "DISCOUNT_NOT_VALID", "the discount does not hold for the time the ride started"
    )


def price_plan_currency() -> Refusal:
    """PRICE_PLAN_CURRENCY: what follows a plan's name counts on its currency."""
    return Refusal(
        Category.FAILED_PRECONDITION, "PRICE_PLAN_CURRENCY", "every version of a price plan is in one currency"
    )


def page_token_invalid() -> Refusal:
    """PAGE_TOKEN_INVALID."""
    return Refusal(Category.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "the page token is not of this list")


def caller_not_allowed() -> Refusal:
    """CALLER_NOT_ALLOWED."""
    return Refusal(Category.PERMISSION_DENIED, "CALLER_NOT_ALLOWED", "this caller may not ask for that")
