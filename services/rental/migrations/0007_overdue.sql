-- Few rentals are overdue, and a partner asks for them among all that it ever had.
CREATE INDEX rentals_overdue ON rentals (partner_id, rental_id) WHERE overdue_at IS NOT NULL;
