"""AssetService: a partner's fleet."""

from services.rental.servicer.assets.servicer import ASSET_ACCESS, AssetServicer

__all__ = ["ASSET_ACCESS", "AssetServicer"]
