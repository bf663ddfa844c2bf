"""Who calls, as rental sees it."""

from __future__ import annotations

from services.rental.domain import PartnerId
from services.rental.domain.refusals import caller_not_allowed
from services.runtime.interceptors import current_call


def calling_partner() -> PartnerId:
    """The partner whose key or staff called; the access list lets nobody else in."""
    partner_id = current_call().caller.partner_id
    if partner_id is None:
        raise caller_not_allowed()
    return PartnerId(partner_id)
