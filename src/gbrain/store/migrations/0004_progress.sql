-- What a run under way is like to whoever looks from elsewhere: how fast it goes, and since when it is busy with its phase.

ALTER TABLE gbrain.runs
    ADD COLUMN rate_per_s double precision,
    ADD COLUMN phase_at   timestamptz;
