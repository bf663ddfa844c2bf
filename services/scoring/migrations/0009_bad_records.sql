-- When the latest bad record in force happened, so that "no bad record in N years" is answered with the score, in one read.
ALTER TABLE scores ADD COLUMN bad_record_at timestamptz;
UPDATE scores s SET bad_record_at = b.bad_record_at
FROM (SELECT f.bucket, f.renter_id, max(f.occurred_at) AS bad_record_at
      FROM facts f
      WHERE f.superseded_at IS NULL AND f.state = 'COUNTED'
        AND (f.kind IN ('NEGATIVE_RECORD', 'RENTAL_LOST')
             OR (f.kind = 'PAYMENT_WRITTEN_OFF' AND NOT EXISTS (
                 SELECT 1 FROM facts c
                 WHERE c.bucket = f.bucket AND c.renter_id = f.renter_id AND c.about = f.about
                   AND c.kind = 'PAYMENT_CURED' AND c.superseded_at IS NULL AND c.state = 'COUNTED')))
      GROUP BY f.bucket, f.renter_id) b
WHERE b.bucket = s.bucket AND b.renter_id = s.renter_id;
