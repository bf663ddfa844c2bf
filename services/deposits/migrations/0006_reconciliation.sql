-- Reconciliation: runs, and what they find. Differences name deposits and operations, never people; their ids are digests
-- of what they are about, so that one that is found again is the same row.
CREATE TABLE reconciliation_runs (
    run_id       text        NOT NULL,
    processor    text        NOT NULL,
    since        timestamptz NOT NULL,
    until        timestamptz NOT NULL CHECK (until > since),
    daily        boolean     NOT NULL,
    requested_by text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('RUNNING', 'DONE', 'FAILED')),
    reached      timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    lease_until  timestamptz NOT NULL,
    attempts     int         NOT NULL DEFAULT 0,
    finished_at  timestamptz,
    failure      text        NOT NULL DEFAULT '',
    payments     int         NOT NULL DEFAULT 0,
    in_flight    int         NOT NULL DEFAULT 0,
    unsettled    int         NOT NULL DEFAULT 0,
    differences  int         NOT NULL DEFAULT 0,
    totals       jsonb       NOT NULL,
    PRIMARY KEY (run_id)
);
CREATE INDEX reconciliation_runs_of ON reconciliation_runs (processor, since, created_at);
CREATE INDEX reconciliation_runs_due ON reconciliation_runs (lease_until) WHERE state = 'RUNNING';

CREATE TABLE reconciliation_differences (
    difference_id text        NOT NULL,
    run_id        text        NOT NULL,
    processor     text        NOT NULL,
    kind          text        NOT NULL,
    repair        text        NOT NULL,
    deposit_id    text        NOT NULL,
    operation_id  text        NOT NULL,
    reference     text        NOT NULL,
    currency      text        NOT NULL,
    ours          bigint[]    NOT NULL,
    theirs        bigint[]    NOT NULL,
    at            timestamptz NOT NULL,
    state         text        NOT NULL
        CHECK (state IN ('OPEN', 'AWAITING_SECOND', 'CONFIRMED', 'REPAIRED', 'DISMISSED', 'GONE')),
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    confirmed_by  text        NOT NULL DEFAULT '',
    approved_by   text        NOT NULL DEFAULT '',
    reason        text        NOT NULL DEFAULT '',
    outcome       text        NOT NULL DEFAULT '',
    attempt       int         NOT NULL DEFAULT 0,
    repaired_at   timestamptz,
    repair_ref    text        NOT NULL DEFAULT '',
    lease_until   timestamptz NOT NULL,
    PRIMARY KEY (difference_id)
);
CREATE INDEX reconciliation_differences_listed ON reconciliation_differences (first_seen_at, difference_id);
CREATE INDEX reconciliation_differences_of ON reconciliation_differences (processor, at) WHERE state <> 'GONE';
CREATE INDEX reconciliation_differences_by_reference ON reconciliation_differences (processor, reference);
CREATE INDEX reconciliation_differences_by_repair
    ON reconciliation_differences (processor, repair_ref) WHERE repair_ref <> '';
CREATE INDEX reconciliation_differences_due ON reconciliation_differences (lease_until) WHERE state = 'CONFIRMED';
