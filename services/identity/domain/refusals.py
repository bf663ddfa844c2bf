"""What identity refuses, each with its documented reason (`freehold.errors.v1.ErrorReason`)."""

from __future__ import annotations

from services.values.errors import Category, Refusal


def renter_not_found() -> Refusal:
    """The refusal of an unknown renter, and of one that the caller may not see: the two look alike."""
    return Refusal(Category.NOT_FOUND, "RENTER_NOT_FOUND", "no such renter")


def renter_not_linked() -> Refusal:
    """The refusal of a consent with a partner that the person has no link to."""
    return Refusal(Category.FAILED_PRECONDITION, "RENTER_NOT_LINKED", "no link to this partner; LinkPartner first")


def document_already_registered() -> Refusal:
    """The refusal of a document that is somebody's; whose is not told."""
    return Refusal(Category.ALREADY_EXISTS, "DOCUMENT_ALREADY_REGISTERED", "a renter with this document exists")


def partner_not_found() -> Refusal:
    """The refusal of an unknown partner."""
    return Refusal(Category.NOT_FOUND, "PARTNER_NOT_FOUND", "no such partner")


def api_key_not_found() -> Refusal:
    """The refusal of an unknown key."""
    return Refusal(Category.NOT_FOUND, "API_KEY_NOT_FOUND", "no such API key")


def purpose_not_allowed() -> Refusal:
    """The refusal of any purpose but deposits."""
    return Refusal(Category.PERMISSION_DENIED, "PURPOSE_NOT_ALLOWED", "the score serves deposits only")


def consent_not_found() -> Refusal:
    """The refusal to end a consent that is not in force."""
    return Refusal(Category.NOT_FOUND, "CONSENT_NOT_FOUND", "no such consent is in force")


def state_not_allowed(state: str) -> Refusal:
    """The refusal of a change that the thing's state does not allow; the state is told in the metadata."""
    return Refusal(
        Category.FAILED_PRECONDITION, "STATE_NOT_ALLOWED", f"not possible while {state}", metadata={"state": state}
    )


def face_mismatch() -> Refusal:
    """The refusal of a face that is not the document's."""
    return Refusal(Category.FAILED_PRECONDITION, "FACE_MISMATCH", "the face is not that of the document")


def refresh_token_invalid() -> Refusal:
    """The refusal of a refresh token that is unknown, used, ended or expired: all look alike."""
    return Refusal(Category.INVALID_ARGUMENT, "REFRESH_TOKEN_INVALID", "ask for a one-time code again")
