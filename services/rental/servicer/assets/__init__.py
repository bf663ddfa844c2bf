"""A partner's fleet on the wire: assets, places, and what maps show of them."""

from services.rental.servicer.assets.feeds import FEED_ACCESS, FeedServicer
from services.rental.servicer.assets.places import PLACE_ACCESS, PlaceServicer
from services.rental.servicer.assets.servicer import ASSET_ACCESS, AssetServicer

__all__ = ["ASSET_ACCESS", "FEED_ACCESS", "PLACE_ACCESS", "AssetServicer", "FeedServicer", "PlaceServicer"]
