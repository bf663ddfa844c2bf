"""What the use cases need of the world: stores, a vault, a registry, a carrier, a signer."""

from services.identity.operations.ports.partners import (
    NewMember,
    NewSession,
    PartnerStore,
    StaffStore,
)
from services.identity.operations.ports.privacy import (
    Farewell,
    NewPart,
    PrivacyStore,
)
from services.identity.operations.ports.renters import (
    AccessStore,
    AccountStore,
    Apply,
    CheckedRow,
    Enrolment,
    FoundRenter,
    NewRenter,
    Note,
    RenterStore,
    Unverified,
    WrapStore,
)
from services.identity.operations.ports.sessions import (
    CodeStore,
    ConsentStore,
    NewCode,
    NewRefresh,
    SessionStore,
    ShownCode,
)
from services.identity.operations.ports.world import (
    Carrier,
    Faces,
    Passwords,
    Registry,
    SignReceipt,
    SignToken,
    Spawn,
    Vault,
)

__all__ = [
    "AccessStore",
    "AccountStore",
    "Apply",
    "Carrier",
    "CheckedRow",
    "CodeStore",
    "ConsentStore",
    "Enrolment",
    "Faces",
    "Farewell",
    "FoundRenter",
    "NewCode",
    "NewMember",
    "NewPart",
    "NewRefresh",
    "NewRenter",
    "NewSession",
    "Note",
    "PartnerStore",
    "Passwords",
    "PrivacyStore",
    "Registry",
    "RenterStore",
    "SessionStore",
    "ShownCode",
    "SignReceipt",
    "SignToken",
    "Spawn",
    "StaffStore",
    "Unverified",
    "Vault",
    "WrapStore",
]
