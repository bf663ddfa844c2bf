-- Price plans have names and versions, and rules beyond base, segments and a cap per day; renters have passes.

-- rules is NULL for a plan that has none: most rentals read it.
ALTER TABLE price_plans ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE price_plans ADD COLUMN version int NOT NULL DEFAULT 1 CHECK (version > 0);
ALTER TABLE price_plans ADD COLUMN rules jsonb CHECK (jsonb_typeof(rules) = 'object');
CREATE UNIQUE INDEX price_plans_versions ON price_plans (partner_id, name, version) WHERE name <> '';

-- An asset has a plan of its own, or costs what the newest version of a name says.
ALTER TABLE assets ADD COLUMN price_plan_name text NOT NULL DEFAULT '';
ALTER TABLE assets ALTER COLUMN price_plan_id DROP NOT NULL;
ALTER TABLE assets ADD CONSTRAINT assets_cost_something CHECK ((price_plan_id IS NULL) = (price_plan_name <> ''));

-- What the charge follows from besides the plan and the times; NULL for only those.
ALTER TABLE rentals ADD COLUMN price_inputs jsonb CHECK (jsonb_typeof(price_inputs) = 'object');

CREATE TABLE passes (
    bucket       int         NOT NULL,
    pass_id      text        NOT NULL,
    renter_id    text        NOT NULL,
    partner_id   text        NOT NULL,
    asset_kind   text,
    free_minutes int         NOT NULL CHECK (free_minutes >= 0),
    percent_off  int         NOT NULL CHECK (percent_off BETWEEN 0 AND 100),
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL CHECK (valid_until > valid_from),
    granted_at   timestamptz NOT NULL,
    granted_by   text        NOT NULL,
    request_id   text        NOT NULL,
    fingerprint  bytea       NOT NULL,
    PRIMARY KEY (bucket, pass_id),
    CONSTRAINT passes_granted_once UNIQUE (bucket, renter_id, granted_by, request_id),
    CONSTRAINT passes_give_something CHECK (free_minutes > 0 OR percent_off > 0)
);

CREATE INDEX passes_of_renter ON passes (bucket, renter_id, partner_id, valid_until);
