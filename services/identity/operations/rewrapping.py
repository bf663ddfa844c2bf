"""Key rotation: data keys that an older key wrapped are wrapped again, in the background, without anybody noticing."""

from __future__ import annotations

from services.identity.operations.ports import Vault, WrapStore

BATCH = 200


class Rewrapping:
    """Brings every person under the active key-encryption key. Nobody's data is opened for it."""

    def __init__(self, store: WrapStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def run(self) -> int:
        """One batch; answers how many people were behind."""
        behind = await self._store.find_old_wraps(self._vault.active_key(), BATCH)
        await self._store.save_wraps([(who, sealed, self._vault.rewrap(who, sealed)) for who, sealed in behind])
        return len(behind)
