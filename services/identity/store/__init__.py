"""People, partners, consent and codes in PostgreSQL; the only user of the database here.

Each change is one transaction with its request_id and its events.
"""

from services.identity.store.accesses import AccessStore
from services.identity.store.accounts import AccountStore, WrapStore
from services.identity.store.codes import CodeStore
from services.identity.store.consents import ConsentStore
from services.identity.store.news import News
from services.identity.store.notices import NoticeStore
from services.identity.store.partners import PartnerStore
from services.identity.store.privacy import PrivacyStore
from services.identity.store.renters import RenterStore
from services.identity.store.sessions import SessionStore
from services.identity.store.staff import StaffStore

__all__ = [
    "AccessStore",
    "AccountStore",
    "CodeStore",
    "ConsentStore",
    "News",
    "NoticeStore",
    "PartnerStore",
    "PrivacyStore",
    "RenterStore",
    "SessionStore",
    "StaffStore",
    "WrapStore",
]
