-- Scorecards are put into service by appointments, append-only; the latest of a role is in force.
CREATE TABLE appointments (
    appointment_id text        PRIMARY KEY,
    role           text        NOT NULL CHECK (role IN ('CHAMPION', 'CHALLENGER')),
    model_version  text        NOT NULL,
    reason         text        NOT NULL,
    appointed_by   text        NOT NULL,
    appointed_at   timestamptz NOT NULL
);
CREATE INDEX appointments_latest ON appointments (role, appointment_id);

CREATE TABLE recomputations (
    pass_id       text        PRIMARY KEY,
    model_version text        NOT NULL,
    shadow        boolean     NOT NULL,
    at_bucket     int         NOT NULL DEFAULT -1,
    at_renter     text        NOT NULL DEFAULT '',
    done          bigint      NOT NULL DEFAULT 0,
    total         bigint      NOT NULL,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    lease_until   timestamptz NOT NULL
);

-- What the challenger says stands beside the score in force: it is read and written with it.
ALTER TABLE scores
    ADD COLUMN shadow_score   int  CHECK (shadow_score BETWEEN 350 AND 950),
    ADD COLUMN shadow_version text NOT NULL DEFAULT '';

CREATE TABLE shadow_comparisons (
    challenge_id text   NOT NULL,
    champion     text   NOT NULL,
    challenger   text   NOT NULL,
    decisions    bigint NOT NULL,
    PRIMARY KEY (challenge_id, champion, challenger)
);
