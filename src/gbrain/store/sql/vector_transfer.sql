-- One moment for all that is carried away; nothing can be written by mistake.
-- name: begin
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- A model's vectors, kept from being dropped until all are read.
-- name: keep
LOCK TABLE {vectors} IN ACCESS SHARE MODE

-- A model's vectors, from one passage on, in order of hash: so one brain makes one file, and the next one's index grows at
-- its end.
-- name: after
SELECT passage, vector FROM {vectors} WHERE passage > %(after)s ORDER BY passage LIMIT %(limit)s

-- What comes in neither waits without end for a batch, nor holds one up when its client stops.
-- name: bound
SELECT set_config('lock_timeout', '30s', true), set_config('idle_in_transaction_session_timeout', '15s', true)

-- A model, kept as it is until the piece is in. No row where it was dropped.
-- name: hold_model
SELECT FROM gbrain.models WHERE id = %(model)s FOR KEY SHARE

-- What was carried here is kept for as long again from now on. Who sweeps it away in this moment is waited for.
-- name: keep_loose
WITH held AS MATERIALIZED (
    SELECT passage FROM gbrain.loose WHERE passage = ANY(%(passages)s) ORDER BY passage FOR UPDATE
)
UPDATE gbrain.loose AS l SET since = clock_timestamp() FROM held WHERE l.passage = held.passage

-- Passages that have no vector yet, into the backlog, whether they stand anywhere or not: a batch that brings one in
-- meanwhile waits, and then sees its vector. In order of hash, as batches put theirs in.
-- name: expect
INSERT INTO gbrain.backlog (model_id, passage)
SELECT %(model)s, w.passage
FROM (SELECT DISTINCT passage FROM unnest(%(passages)s::bytea[]) AS u (passage)) AS w
WHERE NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = w.passage)
ORDER BY w.passage
ON CONFLICT (model_id, passage) DO NOTHING

-- All rows of the backlog for them, in the order in which batches take them.
-- name: hold_backlog
SELECT FROM gbrain.backlog WHERE model_id = %(model)s AND passage = ANY(%(passages)s) ORDER BY passage FOR UPDATE
