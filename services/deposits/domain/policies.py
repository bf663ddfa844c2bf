"""Policies: the partner's line, versioned, and the deposit that is taken below it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.values.errors import Category, Refusal
from services.values.money import Money

DEFAULT_MAX_OPEN_WAIVED = 3
"""PRODUCT: default 3 open waived rentals of one person."""
MOST_CHANGES, CHANGES_WINDOW = 6, timedelta(hours=24)
PREVIEW_STANDS = timedelta(hours=24)
"""The first answer of a preview stands so long: a threshold chosen by the caller would be an oracle."""


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """What a partner asks for. The deposit is waived strictly above `threshold`."""

    partner_id: str
    asset_kind: str
    threshold: int
    deposit: Money
    max_open_waived: int
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """One version in force from `effective_at` until the next."""

    policy_id: str
    version: int
    author: str
    effective_at: datetime
    draft: PolicyDraft


def policy_not_found() -> Refusal:
    """The refusal when no policy is in force, or there is no such version."""
    return Refusal(Category.NOT_FOUND, "POLICY_NOT_FOUND", "no such policy; SetPolicy first")


def changed_too_often() -> Refusal:
    """The refusal of a seventh change within 24 hours."""
    return Refusal(Category.RESOURCE_EXHAUSTED, "POLICY_CHANGED_TOO_OFTEN", "at most six changes in 24 hours")


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
