"""The ids that rental speaks of; each kind has a prefix and a type of its own."""

from __future__ import annotations

from typing import NewType

PartnerId = NewType("PartnerId", str)  # ptn_
RenterId = NewType("RenterId", str)  # rnt_, routed
PricePlanId = NewType("PricePlanId", str)  # pln_
AssetId = NewType("AssetId", str)  # ast_
StationId = NewType("StationId", str)  # sta_
ZoneId = NewType("ZoneId", str)  # zon_
RentalId = NewType("RentalId", str)  # rtl_, routed by its renter
DepositId = NewType("DepositId", str)  # dep_, routed by its renter
PaymentMethodId = NewType("PaymentMethodId", str)  # pmt_, routed by its renter
ReservationId = NewType("ReservationId", str)  # rsv_, routed by its renter
PassId = NewType("PassId", str)  # pas_, routed by its renter
