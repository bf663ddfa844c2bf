ALTER TABLE renters
    ADD COLUMN erasing_at timestamptz,
    ADD COLUMN erased_at  timestamptz;
CREATE INDEX requests_of_subject ON requests (subject_id);

CREATE TABLE exports (
    bucket     int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id  text        NOT NULL,
    export_id  text        NOT NULL,
    state      text        NOT NULL CHECK (state IN ('COLLECTING', 'READY')),
    asked_at   timestamptz NOT NULL,
    ready_at   timestamptz,
    expires_at timestamptz,
    PRIMARY KEY (bucket, renter_id, export_id)
);
CREATE UNIQUE INDEX exports_one_at_a_time ON exports (bucket, renter_id) WHERE state = 'COLLECTING';
CREATE INDEX exports_expiring ON exports (expires_at);

CREATE TABLE export_parts (
    bucket    int     NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id text    NOT NULL,
    export_id text    NOT NULL,
    holder    text    NOT NULL,
    number    int     NOT NULL,
    is_last   boolean NOT NULL,
    sealed    bytea   NOT NULL,
    PRIMARY KEY (bucket, renter_id, export_id, holder, number),
    FOREIGN KEY (bucket, renter_id, export_id) REFERENCES exports ON DELETE CASCADE
);

CREATE TABLE erasures (
    bucket       int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id    text        NOT NULL,
    erasure_id   text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('PREPARING', 'BLOCKED', 'ERASING', 'ERASED', 'CANCELLED')),
    asked_at     timestamptz NOT NULL,
    ask_again_at timestamptz NOT NULL,
    steps        jsonb       NOT NULL,
    erased_at    timestamptz,
    receipt      text        NOT NULL,
    asks         int         NOT NULL CHECK (asks >= 1),
    PRIMARY KEY (bucket, renter_id, erasure_id)
);
CREATE UNIQUE INDEX erasures_by_id ON erasures (bucket, erasure_id);
CREATE UNIQUE INDEX erasures_one_at_a_time ON erasures (bucket, renter_id)
    WHERE state IN ('PREPARING', 'BLOCKED', 'ERASING');
CREATE INDEX erasures_to_ask_again ON erasures (ask_again_at) WHERE state = 'BLOCKED';
