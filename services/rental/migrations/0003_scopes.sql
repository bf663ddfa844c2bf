-- What chooses the deposit policy of an asset, pinned by each rental.
ALTER TABLE assets ADD COLUMN city text NOT NULL DEFAULT '';
ALTER TABLE assets ADD COLUMN asset_class text NOT NULL DEFAULT '';
ALTER TABLE assets ADD COLUMN monthly_rent_minor bigint NOT NULL DEFAULT 0 CHECK (monthly_rent_minor >= 0);
ALTER TABLE rentals ADD COLUMN city text NOT NULL DEFAULT '';
ALTER TABLE rentals ADD COLUMN asset_class text NOT NULL DEFAULT '';
ALTER TABLE rentals ADD COLUMN monthly_rent_minor bigint NOT NULL DEFAULT 0 CHECK (monthly_rent_minor >= 0);
