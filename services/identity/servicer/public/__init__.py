"""IdentityService: operators, partners' apps and people."""

from __future__ import annotations

from freehold.identity.v1.identity_service_pb2_grpc import IdentityServiceServicer
from services.identity.operations import Access, Accounts, Consents, Partners, Renters
from services.identity.servicer.public.partners import PartnerRpcs
from services.identity.servicer.public.renters import CheckAll, RenterRpcs
from services.identity.servicer.public.sessions import SessionRpcs
from services.runtime.rates import Limit
from services.values.access import ALL_STAFF, OWNERS, SERVING, Reach, Rule

ACCESS = {
    "RegisterPartner": Rule(operator=Reach.ANY),
    "CreateApiKey": Rule(operator=Reach.ANY, staff=OWNERS),
    "RotateApiKey": Rule(operator=Reach.ANY, staff=OWNERS),
    "RevokeApiKey": Rule(operator=Reach.ANY, staff=OWNERS),
    "ListApiKeys": Rule(operator=Reach.ANY, staff=OWNERS),
    "RegisterRenter": Rule(partner=Reach.OWN, scope="RENTERS"),
    "BatchRegisterRenters": Rule(partner=Reach.OWN, scope="RENTERS"),
    "BatchCheckRenters": Rule(partner=Reach.OWN, scope="RENTERS"),
    "BatchGetRenters": Rule(partner=Reach.OWN, operator=Reach.ANY, scope="RENTERS"),
    "GetRenter": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="RENTERS", staff=SERVING),
    "RetryVerification": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="RENTERS"),
    "CheckFace": Rule(partner=Reach.OWN, scope="RENTERS"),
    "ReviewRenter": Rule(operator=Reach.ANY),
    "FreezeRenter": Rule(renter=Reach.OWN, operator=Reach.ANY),
    "UnfreezeRenter": Rule(operator=Reach.ANY),
    "RecoverRenter": Rule(operator=Reach.ANY),
    "MergeRenters": Rule(operator=Reach.ANY),
    "ShowRenter": Rule(operator=Reach.ANY),
    "ListAccesses": Rule(renter=Reach.OWN),
    "SendRenterCode": Rule(partner=Reach.OWN, scope="RENTERS"),
    "IssueRenterToken": Rule(partner=Reach.OWN, scope="RENTERS"),
    "RefreshRenterToken": Rule(partner=Reach.OWN, scope="RENTERS"),
    "EndRenterSessions": Rule(renter=Reach.OWN),
    "GetTokenKeys": Rule(partner=Reach.ANY, renter=Reach.ANY, operator=Reach.ANY, staff=ALL_STAFF),
    "LinkPartner": Rule(renter=Reach.OWN),
    "GrantConsent": Rule(renter=Reach.OWN),
    "WithdrawConsent": Rule(renter=Reach.OWN),
    "WithdrawAllConsents": Rule(renter=Reach.OWN),
    "ListConsents": Rule(renter=Reach.OWN),
}
"""Who may call what."""
LIMITS = {
    "SendRenterCode": Limit("20/minute", "renter_id"),
    "IssueRenterToken": Limit("60/minute", "renter_id"),
    "RetryVerification": Limit("20/minute", "renter_id"),
    "CheckFace": Limit("20/minute", "renter_id"),
}
"""How often one caller may call about one person what costs a message, a question to the registry, or a guess."""


class PublicServicer(PartnerRpcs, RenterRpcs, SessionRpcs, IdentityServiceServicer):
    """IdentityService, in three parts."""

    def __init__(
        self,
        partners: Partners,
        renters: Renters,
        accounts: Accounts,
        access: Access,
        consents: Consents,
        check: CheckAll,
        jwks_json: str,
    ) -> None:
        self._partners = partners
        self._renters = renters
        self._accounts = accounts
        self._access = access
        self._consents = consents
        self._check = check
        self._jwks_json = jwks_json
