-- A fact is never overwritten: putting it right closes one revision (superseded_at) and appends the next.
ALTER TABLE facts
    ADD COLUMN revision       int         NOT NULL DEFAULT 0,
    ADD COLUMN state          text        NOT NULL DEFAULT 'COUNTED' CHECK (state IN ('COUNTED', 'DISPUTED', 'RETRACTED')),
    ADD COLUMN superseded_at  timestamptz,
    ADD COLUMN subject        text        NOT NULL DEFAULT '',
    ADD COLUMN partner_id     text        NOT NULL DEFAULT '',
    ADD COLUMN about          text        NOT NULL DEFAULT '',
    ADD COLUMN rental_seconds bigint      CHECK (rental_seconds >= 0),
    ADD COLUMN earns          boolean     NOT NULL DEFAULT true,
    ADD COLUMN outside_score  int,
    ADD COLUMN source         text        NOT NULL DEFAULT '',
    ADD COLUMN settled_at     timestamptz,
    ADD COLUMN wished_expiry  timestamptz,
    ADD COLUMN expires_at     timestamptz,
    ADD COLUMN wrapped_key    bytea,
    ADD COLUMN sealed         bytea,
    ADD COLUMN key_version    int,
    ADD COLUMN changed_by     text        NOT NULL DEFAULT '',
    ADD COLUMN change_reason  text        NOT NULL DEFAULT '';

-- What was told before these columns: a debt is named by its rental, and whatever counts against a person runs out.
UPDATE facts SET subject = split_part(fact_id, ':', 1), about = split_part(fact_id, ':', 1)
WHERE kind IN ('PAYMENT_FAILED', 'PAYMENT_CURED');
UPDATE facts SET expires_at = occurred_at + interval '5 years'
WHERE kind IN ('PAYMENT_FAILED', 'RENTAL_RETURNED_LATE');

ALTER TABLE facts DROP CONSTRAINT facts_pkey, ADD PRIMARY KEY (bucket, renter_id, fact_id, revision);

CREATE TABLE statements (
    bucket      int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id   text        NOT NULL,
    fact_id     text        NOT NULL,
    wrapped_key bytea       NOT NULL,
    sealed      bytea       NOT NULL,
    key_version int         NOT NULL,
    set_at      timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id, fact_id)
);

ALTER TABLE scores
    ADD COLUMN facts_version bigint      NOT NULL DEFAULT 0,
    ADD COLUMN alone_score   int         CHECK (alone_score BETWEEN 350 AND 950),
    ADD COLUMN changes_at    timestamptz;
UPDATE scores SET facts_version = facts, changes_at = '1970-01-01' WHERE facts > 0;
CREATE INDEX scores_changing ON scores (changes_at) WHERE changes_at IS NOT NULL;

ALTER TABLE score_history ADD COLUMN facts_version bigint NOT NULL DEFAULT 0;
UPDATE score_history SET facts_version = facts;
ALTER TABLE score_history DROP CONSTRAINT score_history_pkey,
    ADD PRIMARY KEY (bucket, renter_id, facts_version, model_version);

CREATE TABLE score_uses (
    bucket        int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id     text        NOT NULL,
    use_id        text        NOT NULL,
    partner_id    text        NOT NULL,
    asset_kind    text        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('DECISION', 'PREVIEW', 'DECISION_REMADE')),
    threshold     int         NOT NULL CHECK (threshold BETWEEN 350 AND 950),
    outcome       text        NOT NULL,
    reason_codes  text[]      NOT NULL,
    model_version text        NOT NULL,
    facts_version bigint      NOT NULL,
    used_at       timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id, use_id)
);
CREATE INDEX score_uses_newest ON score_uses (bucket, renter_id, used_at, use_id);

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
