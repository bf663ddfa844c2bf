CREATE TABLE disputes (
    bucket       int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    dispute_id   text        NOT NULL,
    renter_id    text        NOT NULL,
    fact_id      text        NOT NULL,
    use_id       text        NOT NULL,
    state        text        NOT NULL
                 CHECK (state IN ('OPEN', 'UPHELD', 'CORRECTED', 'REJECTED', 'WITHDRAWN', 'LAPSED')),
    wrapped_key  bytea       NOT NULL,
    sealed       bytea       NOT NULL,
    key_version  int         NOT NULL,
    opened_at    timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    decided_at   timestamptz,
    decided_by   text        NOT NULL DEFAULT '',
    score_before int         CHECK (score_before BETWEEN 350 AND 950),
    score_after  int         CHECK (score_after BETWEEN 350 AND 950),
    PRIMARY KEY (bucket, dispute_id),
    CHECK ((fact_id = '') <> (use_id = '')),
    CHECK ((state = 'OPEN') = (decided_at IS NULL))
);
CREATE INDEX disputes_of_a_person ON disputes (bucket, renter_id, dispute_id);
CREATE UNIQUE INDEX disputes_open ON disputes (bucket, renter_id, fact_id, use_id) WHERE state = 'OPEN';
CREATE INDEX disputes_due ON disputes (due_at, dispute_id) WHERE state = 'OPEN';

-- A code is found by its hash alone, whose first ten bits are its bucket.
CREATE TABLE endorsement_codes (
    bucket     int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    code_hash  bytea       NOT NULL,
    renter_id  text        NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, code_hash)
);

-- `bucket` is that of the person who is endorsed.
CREATE TABLE endorsements (
    bucket         int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    endorsement_id text        NOT NULL,
    renter_id      text        NOT NULL,
    endorser_id    text        NOT NULL,
    given_at       timestamptz NOT NULL,
    ended_at       timestamptz,
    end_reason     text        CHECK (end_reason IN ('WITHDRAWN', 'ENDORSER_FELL')),
    PRIMARY KEY (bucket, endorsement_id),
    CHECK (renter_id <> endorser_id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX endorsements_received ON endorsements (bucket, renter_id, endorsement_id);
CREATE INDEX endorsements_given ON endorsements (endorser_id, endorsement_id);

-- What a rotation of keys has to look for: next to nothing, as few facts are sealed.
CREATE INDEX facts_sealed ON facts (key_version) WHERE key_version IS NOT NULL;
