"""The use cases of identity."""

from services.identity.operations.access import Access
from services.identity.operations.accounts import Accounts
from services.identity.operations.checks import Checks
from services.identity.operations.consents import Consents
from services.identity.operations.logins import Logins
from services.identity.operations.notices import Notices
from services.identity.operations.partners import Partners
from services.identity.operations.privacy import Privacy
from services.identity.operations.renters import Renters
from services.identity.operations.rewrapping import Rewrapping
from services.identity.operations.staff import Staff

__all__ = [
    "Access",
    "Accounts",
    "Checks",
    "Consents",
    "Logins",
    "Notices",
    "Partners",
    "Privacy",
    "Renters",
    "Rewrapping",
    "Staff",
]
