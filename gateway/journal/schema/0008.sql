-- Step 8: links of the audit chain are found by when they were added, so that what became of a few
-- readings is told without reading of all that happened in years.

CREATE INDEX audit_recorded ON audit (recorded_us);
