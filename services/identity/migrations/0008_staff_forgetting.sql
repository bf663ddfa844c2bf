CREATE INDEX staff_tries_calm ON staff_tries (window_ends);
CREATE INDEX staff_sessions_over ON staff_sessions (expires_at);
