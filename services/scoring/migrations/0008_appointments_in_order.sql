-- Which appointment is the latest is not left to the clocks of those who made them.
ALTER TABLE appointments ADD COLUMN number bigint NOT NULL DEFAULT 0;
CREATE INDEX appointments_in_order ON appointments (role, number, appointment_id);
DROP INDEX appointments_latest;

-- How many a walk had scored when its lap began: a lap that adds nobody is the last.
ALTER TABLE recomputations ADD COLUMN lap_done bigint NOT NULL DEFAULT -1;

-- The same facts are scored again by another scorecard, and again by the first when somebody goes back to it.
ALTER TABLE score_history DROP CONSTRAINT score_history_pkey,
    ADD PRIMARY KEY (bucket, renter_id, facts_version, computed_at, model_version);
