"""StaffService: the people who work at a partner."""

from __future__ import annotations

from freehold.identity.v1 import staff_service_pb2 as pb
from freehold.identity.v1.staff_service_pb2_grpc import StaffServiceServicer
from services.identity.operations import Logins, Staff
from services.identity.operations.staff import ShownMember
from services.identity.servicer.encoding import timestamp
from services.runtime.interceptors import Context, current_call
from services.values.access import ALL_STAFF, MANAGERS, OWNERS, Reach, Rule
from services.values.callers import Caller, StaffRole

STAFF_ACCESS = {
    "InviteStaff": Rule(operator=Reach.ANY, staff=MANAGERS),
    "AcceptInvitation": Rule(anonymous=True),
    "ConfirmSecondFactor": Rule(anonymous=True),
    "LogIn": Rule(anonymous=True),
    "LogOut": Rule(staff=ALL_STAFF),
    "ChangePassword": Rule(staff=ALL_STAFF),
    "ListStaff": Rule(operator=Reach.ANY, staff=ALL_STAFF),
    "ChangeStaffRole": Rule(operator=Reach.ANY, staff=OWNERS),
    "ResetStaff": Rule(operator=Reach.ANY, staff=OWNERS),
    "RemoveStaff": Rule(operator=Reach.ANY, staff=OWNERS),
}
"""Who may call what."""


class StaffServicer(StaffServiceServicer):
    """StaffService: operators, staff, and whoever has an invitation or logs in."""

    def __init__(self, staff: Staff, logins: Logins) -> None:
        self._staff = staff
        self._logins = logins

    async def InviteStaff(self, request: pb.InviteStaffRequest, context: Context) -> pb.InviteStaffResponse:
        invited = await self._staff.invite(
            _caller(), request.request_id, request.partner_id, request.login, _role(request.role)
        )
        return pb.InviteStaffResponse(
            staff=_shown(invited.shown), invitation=invited.text, expires_at=timestamp(invited.expires_at)
        )

    async def AcceptInvitation(
        self, request: pb.AcceptInvitationRequest, context: Context
    ) -> pb.AcceptInvitationResponse:
        uri = await self._staff.accept(request.request_id, request.invitation, request.display_name, request.password)
        return pb.AcceptInvitationResponse(otpauth_uri=uri)

    async def ConfirmSecondFactor(
        self, request: pb.ConfirmSecondFactorRequest, context: Context
    ) -> pb.ConfirmSecondFactorResponse:
        shown = await self._staff.confirm(request.request_id, request.invitation, request.code)
        return pb.ConfirmSecondFactorResponse(staff=_shown(shown))

    async def LogIn(self, request: pb.LogInRequest, context: Context) -> pb.LogInResponse:
        begun = await self._logins.log_in(
            request.request_id, request.partner_id, request.login, request.password, request.code
        )
        shown = ShownMember(begun.member, begun.login, begun.display_name)
        return pb.LogInResponse(token=begun.token, expires_at=timestamp(begun.expires_at), staff=_shown(shown))

    async def LogOut(self, request: pb.LogOutRequest, context: Context) -> pb.LogOutResponse:
        await self._logins.log_out(_caller(), request.request_id)
        return pb.LogOutResponse()

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        await self._logins.change_password(_caller(), request.request_id, request.old_password, request.new_password)
        return pb.ChangePasswordResponse()

    async def ListStaff(self, request: pb.ListStaffRequest, context: Context) -> pb.ListStaffResponse:
        found, more = await self._staff.list(_caller(), request.partner_id, request.page_size, request.page_token)
        return pb.ListStaffResponse(staff=[_shown(member) for member in found], next_page_token=more)

    async def ChangeStaffRole(self, request: pb.ChangeStaffRoleRequest, context: Context) -> pb.ChangeStaffRoleResponse:
        shown = await self._staff.change_role(_caller(), request.request_id, request.staff_id, _role(request.role))
        return pb.ChangeStaffRoleResponse(staff=_shown(shown))

    async def ResetStaff(self, request: pb.ResetStaffRequest, context: Context) -> pb.ResetStaffResponse:
        invited = await self._staff.reset(_caller(), request.request_id, request.staff_id)
        return pb.ResetStaffResponse(
            staff=_shown(invited.shown), invitation=invited.text, expires_at=timestamp(invited.expires_at)
        )

    async def RemoveStaff(self, request: pb.RemoveStaffRequest, context: Context) -> pb.RemoveStaffResponse:
        return pb.RemoveStaffResponse(
            staff=_shown(await self._staff.remove(_caller(), request.request_id, request.staff_id))
        )


def _caller() -> Caller:
    return current_call().caller


def _role(value: pb.StaffRole.ValueType) -> StaffRole:
    return StaffRole(pb.StaffRole.Name(value).removeprefix("STAFF_ROLE_"))


def _shown(shown: ShownMember) -> pb.Staff:
    member = shown.member
    return pb.Staff(
        staff_id=member.staff_id,
        partner_id=member.partner_id,
        role=pb.StaffRole.Value(f"STAFF_ROLE_{member.role}"),
        state=pb.StaffState.Value(f"STAFF_STATE_{member.state}"),
        login=shown.login,
        display_name=shown.display_name,
        invited_at=timestamp(member.invited_at),
    )
