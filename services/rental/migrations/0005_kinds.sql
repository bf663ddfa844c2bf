-- More kinds of assets.
ALTER TABLE assets DROP CONSTRAINT assets_asset_kind_check;
ALTER TABLE assets ADD CONSTRAINT assets_asset_kind_check
    CHECK (asset_kind IN ('BIKE', 'E_BIKE', 'UMBRELLA', 'POWER_BANK', 'SHOP_VISIT'));
ALTER TABLE rentals DROP CONSTRAINT rentals_asset_kind_check;
ALTER TABLE rentals ADD CONSTRAINT rentals_asset_kind_check
    CHECK (asset_kind IN ('BIKE', 'E_BIKE', 'UMBRELLA', 'POWER_BANK', 'SHOP_VISIT'));
