-- Price plans, assets, rentals, the requests that made things, and the outbox.
-- What belongs to a renter leads with the renter's bucket; what belongs to a partner leads with the partner.

CREATE TABLE price_plans (
    partner_id        text        NOT NULL,
    price_plan_id     text        NOT NULL,
    currency          text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    base_minor        bigint      NOT NULL CHECK (base_minor >= 0),
    segments          jsonb       NOT NULL CHECK (jsonb_typeof(segments) = 'array'),
    cap_per_day_minor bigint      NOT NULL CHECK (cap_per_day_minor >= 0),
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (partner_id, price_plan_id)
);

-- An asset has at most one open rental: the one that its row names.
CREATE TABLE assets (
    partner_id    text        NOT NULL,
    asset_id      text        NOT NULL,
    asset_kind    text        NOT NULL CHECK (asset_kind IN ('BIKE', 'E_BIKE')),
    code          text        NOT NULL,
    price_plan_id text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('AVAILABLE', 'RENTED')),
    rental_id     text,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (partner_id, asset_id),
    CONSTRAINT assets_code_once UNIQUE (partner_id, code),
    CONSTRAINT assets_price_plan FOREIGN KEY (partner_id, price_plan_id) REFERENCES price_plans (partner_id, price_plan_id),
    CHECK ((state = 'RENTED') = (rental_id IS NOT NULL))
) WITH (fillfactor = 80);

-- activate_by and follow_up_at are real time, the other times are business time.
-- A change is written only over the version that it was decided on.
CREATE TABLE rentals (
    bucket               int         NOT NULL,
    rental_id            text        NOT NULL,
    version              int         NOT NULL CHECK (version > 0),
    partner_id           text        NOT NULL,
    renter_id            text        NOT NULL,
    asset_id             text        NOT NULL,
    asset_code           text        NOT NULL,
    asset_kind           text        NOT NULL CHECK (asset_kind IN ('BIKE', 'E_BIKE')),
    price_plan_id        text        NOT NULL,
    currency             text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    payment_method_id    text,
    start_request_id     text        NOT NULL,
    fingerprint          bytea       NOT NULL,
    requested_at         timestamptz NOT NULL,
    activate_by          timestamptz NOT NULL,
    state                text        NOT NULL
        CHECK (state IN ('REQUESTED', 'ACTIVE', 'RETURNED', 'SETTLED', 'CANCELLED')),
    payment_status       text        NOT NULL
        CHECK (payment_status IN ('NONE', 'DUE', 'IN_PROGRESS', 'PAID', 'FAILED')),
    deposit_id           text,
    deposit_state        text
        CHECK (deposit_state IN ('PENDING', 'WAIVED', 'HELD', 'DECLINED', 'CANCELLED', 'CLOSED')),
    outcome              text        CHECK (outcome IN ('ADMITTED', 'NOT_ADMITTED', 'CANNOT_ASSESS')),
    reason_codes         text[]      NOT NULL,
    deposit_currency     text        CHECK (deposit_currency ~ '^[A-Z]{3}$'),
    deposit_amount_minor bigint      CHECK (deposit_amount_minor >= 0),
    decline_code         text        NOT NULL,
    charge_minor         bigint      CHECK (charge_minor BETWEEN 0 AND 1000000000000),
    started_at           timestamptz,
    ended_at             timestamptz CHECK (ended_at >= started_at),
    closing              text        CHECK (closing IN ('END', 'CANCEL')),
    closed_request_id    text,
    cancelled_at         timestamptz,
    cancel_reason        text        NOT NULL,
    follow_up            text        NOT NULL CHECK (follow_up IN ('NONE', 'SECURE', 'SETTLE', 'CANCEL')),
    follow_up_at         timestamptz,
    payment_failed_at    timestamptz,
    deposit_event_at     timestamptz,
    PRIMARY KEY (bucket, rental_id),
    CONSTRAINT rentals_started_once UNIQUE (bucket, renter_id, partner_id, start_request_id),
    CONSTRAINT deposit_is_whole
        CHECK (num_nulls(deposit_id, deposit_state, deposit_currency, deposit_amount_minor) IN (0, 4)),
    CONSTRAINT started_means_secured
        CHECK (state IN ('REQUESTED', 'CANCELLED') OR (started_at IS NOT NULL AND deposit_id IS NOT NULL)),
    CONSTRAINT ended_means_priced
        CHECK (num_nulls(ended_at, charge_minor) = CASE WHEN state IN ('RETURNED', 'SETTLED') THEN 0 ELSE 2 END),
    CONSTRAINT cancelled_means_reasoned
        CHECK ((state = 'CANCELLED') = (cancelled_at IS NOT NULL) AND (state = 'CANCELLED') = (cancel_reason <> '')),
    CONSTRAINT closed_by_a_command
        CHECK ((closing IS NULL) = (closed_request_id IS NULL)),
    CONSTRAINT payment_follows_the_return
        CHECK (payment_status = 'NONE' OR state IN ('RETURNED', 'SETTLED')),
    CONSTRAINT settled_means_nothing_is_open
        CHECK (state <> 'SETTLED' OR (deposit_state = 'CLOSED' AND payment_status IN ('NONE', 'PAID'))),
    CONSTRAINT follow_up_fits_the_state
        CHECK (CASE follow_up WHEN 'SECURE' THEN state = 'REQUESTED' WHEN 'SETTLE' THEN state = 'RETURNED'
               WHEN 'CANCEL' THEN state = 'CANCELLED' ELSE state <> 'REQUESTED' END),
    CONSTRAINT follow_up_has_a_time
        CHECK ((follow_up = 'NONE') = (follow_up_at IS NULL))
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX rentals_closed_once ON rentals (bucket, renter_id, partner_id, closing, closed_request_id)
    WHERE closing IS NOT NULL;
CREATE INDEX rentals_follow_up ON rentals (follow_up_at) WHERE follow_up <> 'NONE';
CREATE INDEX rentals_of_partner ON rentals (partner_id, rental_id);

-- Which command made which plan or asset; bucket 0, since they belong to no renter.
CREATE TABLE requests (
    bucket      int         NOT NULL,
    caller      text        NOT NULL,
    method      text        NOT NULL,
    request_id  text        NOT NULL,
    fingerprint bytea       NOT NULL,
    subject_id  text        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, caller, method, request_id)
);

CREATE TABLE outbox (
    bucket      int         NOT NULL,
    event_id    text        NOT NULL,
    destination text        NOT NULL,
    kind        text        NOT NULL,
    renter_id   text        NOT NULL,
    payload     jsonb       NOT NULL,
    created_at  timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    attempts    int         NOT NULL,
    PRIMARY KEY (bucket, event_id)
);

CREATE INDEX outbox_due ON outbox (destination, lease_until, event_id);
