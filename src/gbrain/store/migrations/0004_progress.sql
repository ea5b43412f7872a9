-- What a run under way is like to whoever looks from elsewhere: how fast it goes, and since when it is busy with its phase.

ALTER TABLE gbrain.runs
    ADD COLUMN rate_per_s double precision,
    ADD COLUMN phase_at   timestamptz;

-- A run that begins closes those of its source that were cut off, of which there are few among many thousands.
CREATE INDEX runs_under_way ON gbrain.runs (source_id) WHERE finished_at IS NULL;
