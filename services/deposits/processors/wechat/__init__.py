"""WeChat Pay Score: a hold is a *service order* with a risk fund, and no money is frozen for it.

The renter's credit stands for the deposit. Completing the order names what is owed; WeChat then collects it by itself,
at once or over weeks, and only what it has collected counts as captured. Set-up: `docs/processors/wechat.md`.
"""

from services.deposits.processors.wechat.adapter import WeChatProcessor
from services.deposits.processors.wechat.gateway import Gateway
from services.deposits.processors.wechat.merchant import Keys, KeysError, Merchant, read_keys

__all__ = ["Gateway", "Keys", "KeysError", "Merchant", "WeChatProcessor", "read_keys"]
