-- What part of the compensation is the price of a thing that was lost: it is taken back when the thing is found.
ALTER TABLE deposits ADD COLUMN purchase_minor bigint NOT NULL DEFAULT 0 CHECK (purchase_minor >= 0);
ALTER TABLE deposits ADD CONSTRAINT purchase_is_compensation CHECK (purchase_minor <= compensated_minor);
