CREATE TABLE facts (
    bucket      int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    fact_id     text        NOT NULL,
    renter_id   text        NOT NULL,
    kind        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id, fact_id)
);

CREATE TABLE scores (
    bucket             int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id          text        NOT NULL,
    facts_open         boolean     NOT NULL,
    consent_changed_at timestamptz,
    score              int         CHECK (score BETWEEN 350 AND 950),
    reason_codes       text[]      NOT NULL,
    model_version      text        NOT NULL,
    assessment         jsonb       NOT NULL,
    facts              int         NOT NULL,
    computed_at        timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id)
) WITH (fillfactor = 80);

CREATE TABLE score_history (
    bucket        int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id     text        NOT NULL,
    computed_at   timestamptz NOT NULL,
    facts         int         NOT NULL,
    score         int         CHECK (score BETWEEN 350 AND 950),
    model_version text        NOT NULL,
    PRIMARY KEY (bucket, renter_id, facts, model_version)
);
