"""The use cases of deposits."""

from services.deposits.operations.billing import Billing
from services.deposits.operations.changing import Changing
from services.deposits.operations.claiming import Claiming
from services.deposits.operations.explaining import Explaining
from services.deposits.operations.lapsing import Lapsing
from services.deposits.operations.payment_methods import PaymentMethods
from services.deposits.operations.policies import Policies
from services.deposits.operations.processing import Processing
from services.deposits.operations.reading import Reading
from services.deposits.operations.remaking import Remaking
from services.deposits.operations.securing import Securing
from services.deposits.operations.settling import Settling
from services.deposits.operations.simulating import Simulating

__all__ = [
    "Billing",
    "Changing",
    "Claiming",
    "Explaining",
    "Lapsing",
    "PaymentMethods",
    "Policies",
    "Processing",
    "Reading",
    "Remaking",
    "Securing",
    "Settling",
    "Simulating",
]
