-- Proofs that were issued; whom they are for is sealed, as it may name somebody.
CREATE TABLE proofs (
    bucket      int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    proof_id    text        NOT NULL,
    renter_id   text        NOT NULL,
    above       int         NOT NULL CHECK (above BETWEEN 350 AND 950),
    wrapped_key bytea       NOT NULL,
    sealed      bytea       NOT NULL,
    key_version int         NOT NULL,
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, proof_id)
);
CREATE INDEX proofs_of_a_person ON proofs (bucket, renter_id, proof_id);
