ALTER TABLE api_keys
    ADD COLUMN scopes       text[] NOT NULL DEFAULT '{}',
    ADD COLUMN expires_at   timestamptz,
    ADD COLUMN last_used_at timestamptz;
CREATE INDEX api_keys_of_partner ON api_keys (partner_id, api_key_id);
