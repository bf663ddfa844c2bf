-- A policy belongs to a scope of its kind, may come into force later, and may need a second person; a decision keeps what
-- it was made from; exposure is capped by amount as well, in the row that is locked for the count.
ALTER TABLE policies ADD COLUMN city text NOT NULL DEFAULT '';
ALTER TABLE policies ADD COLUMN asset_class text NOT NULL DEFAULT '';
ALTER TABLE policies ADD COLUMN rent_multiple_tenths int NOT NULL DEFAULT 0 CHECK (rent_multiple_tenths >= 0);
ALTER TABLE policies ADD COLUMN tiers jsonb NOT NULL DEFAULT '[]';
ALTER TABLE policies ADD COLUMN max_waived_minor bigint NOT NULL DEFAULT 0 CHECK (max_waived_minor >= 0);
ALTER TABLE policies ADD COLUMN clean_record_years int NOT NULL DEFAULT 0 CHECK (clean_record_years BETWEEN 0 AND 5);
ALTER TABLE policies ADD COLUMN required_assurance text NOT NULL DEFAULT 'UNSPECIFIED';
ALTER TABLE policies ADD COLUMN state text NOT NULL DEFAULT 'ACCEPTED'
    CHECK (state IN ('PROPOSED', 'ACCEPTED', 'REJECTED', 'CANCELLED'));
ALTER TABLE policies ADD COLUMN approval_reasons text[] NOT NULL DEFAULT '{}';
ALTER TABLE policies ADD COLUMN ruled_by text NOT NULL DEFAULT '';
ALTER TABLE policies ADD COLUMN ruling_reason text NOT NULL DEFAULT '';
ALTER TABLE policies ADD COLUMN created_at timestamptz;
UPDATE policies SET created_at = effective_at;
ALTER TABLE policies ALTER COLUMN created_at SET NOT NULL;
CREATE UNIQUE INDEX policies_by_id ON policies (partner_id, policy_id);
CREATE INDEX policies_in_force
    ON policies (partner_id, asset_kind, asset_class DESC, city DESC, effective_at DESC, version DESC)
    WHERE state = 'ACCEPTED';

ALTER TABLE previews ADD COLUMN city text NOT NULL DEFAULT '';
ALTER TABLE previews ADD COLUMN asset_class text NOT NULL DEFAULT '';
ALTER TABLE previews DROP CONSTRAINT previews_pkey;
ALTER TABLE previews ADD PRIMARY KEY (bucket, renter_id, partner_id, asset_kind, asset_class, city);

ALTER TABLE deposits ADD COLUMN city text NOT NULL DEFAULT '';
ALTER TABLE deposits ADD COLUMN asset_class text NOT NULL DEFAULT '';
ALTER TABLE deposits ADD COLUMN monthly_rent_minor bigint NOT NULL DEFAULT 0 CHECK (monthly_rent_minor >= 0);
ALTER TABLE deposits ADD COLUMN assurance_level text NOT NULL DEFAULT 'UNSPECIFIED';

ALTER TABLE exposures ADD COLUMN waived_minor jsonb NOT NULL DEFAULT '{}';
UPDATE exposures e SET waived_minor = w.waived_minor
FROM (SELECT d.bucket, d.renter_id, jsonb_object_agg(d.currency, d.waived) AS waived_minor
      FROM (SELECT bucket, renter_id, currency, sum(compensation_limit_minor)::bigint AS waived
            FROM deposits WHERE state = 'WAIVED' GROUP BY bucket, renter_id, currency) d
      GROUP BY d.bucket, d.renter_id) w
WHERE w.bucket = e.bucket AND w.renter_id = e.renter_id;
