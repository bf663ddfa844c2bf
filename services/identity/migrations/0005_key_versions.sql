ALTER TABLE renters ADD COLUMN key_version int NOT NULL DEFAULT 1;
CREATE INDEX renters_key_version ON renters (key_version);
