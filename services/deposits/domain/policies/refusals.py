"""Refusals that have to do with policies, and with what a decision needs."""

from __future__ import annotations

from services.values.errors import Category, Refusal, Violation


def policy_not_found() -> Refusal:
    """The refusal when no policy is in force, or there is no such version."""
    return Refusal(Category.NOT_FOUND, "POLICY_NOT_FOUND", "no such policy; SetPolicy first")


def changed_too_often() -> Refusal:
    """The refusal of a seventh change of one kind within 24 hours."""
    return Refusal(Category.RESOURCE_EXHAUSTED, "POLICY_CHANGED_TOO_OFTEN", "at most six changes in 24 hours")


def out_of_bounds(field: str, least: int, most: int) -> Refusal:
    """The refusal of a term that its kind does not allow; names the field and what is allowed."""
    return Refusal(
        Category.INVALID_ARGUMENT,
        "POLICY_OUT_OF_BOUNDS",
        f"{field}: outside of the kind's bounds",
        (Violation(field, f"lies between {least} and {most} for this kind"),),
        {"least": str(least), "most": str(most)},
    )


def too_many_lines(most: int) -> Refusal:
    """The refusal of a line more than a kind may have."""
    message = f"at most {most} different lines in the policies of one kind"
    return Refusal(Category.RESOURCE_EXHAUSTED, "TOO_MANY_POLICY_LINES", message)


def state_not_allowed(state: str) -> Refusal:
    """The refusal to rule on a version that is past it."""
    message = f"the version is {state}"
    return Refusal(Category.FAILED_PRECONDITION, "POLICY_STATE_NOT_ALLOWED", message, metadata={"state": state})


def approval_by_another() -> Refusal:
    """The refusal to rule on what one has proposed oneself."""
    return Refusal(Category.PERMISSION_DENIED, "APPROVAL_BY_ANOTHER", "somebody else has to rule on this version")


def previewed_too_often() -> Refusal:
    """The refusal of a preview in one scope more than may answer about one person."""
    message = "three scopes have answered about this renter in 24 hours"
    return Refusal(Category.RESOURCE_EXHAUSTED, "PREVIEWED_TOO_OFTEN", message)


def payment_method_required() -> Refusal:
    """The refusal when a deposit has to be held and there is nothing to hold it on."""
    return Refusal(
        Category.FAILED_PRECONDITION, "PAYMENT_METHOD_REQUIRED", "a deposit is needed; AddPaymentMethod first"
    )


def payment_method_not_found() -> Refusal:
    """The refusal of a payment method that is not the renter's."""
    return Refusal(Category.NOT_FOUND, "PAYMENT_METHOD_NOT_FOUND", "the renter has no such payment method")


def deposit_not_found() -> Refusal:
    """The refusal of an unknown deposit, or one of somebody else: the two look alike."""
    return Refusal(Category.NOT_FOUND, "DEPOSIT_NOT_FOUND", "no such deposit")
