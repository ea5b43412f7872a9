-- How long the last run that had something to write took over it: what takes longest starts first.

ALTER TABLE gbrain.states ADD COLUMN last_wrote_for interval;
