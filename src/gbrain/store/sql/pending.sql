-- The models that need vectors, kept from being retired until the batch is in. Whoever adds one locks the whole table: after
-- that each batch sees it, and each earlier one is in.
-- name: live_models
SELECT id FROM gbrain.models WHERE state <> 'retired' ORDER BY id FOR KEY SHARE

-- Passages that stand somewhere again are not loose.
-- name: fasten
WITH again AS MATERIALIZED (
    SELECT l.passage FROM gbrain.loose AS l
    WHERE l.passage IN (SELECT s.passage FROM stage_chunks AS s)
    ORDER BY l.passage
    FOR UPDATE
)
DELETE FROM gbrain.loose AS l USING again WHERE l.passage = again.passage

-- The batch's passages that have no vector, into the backlog, in order of hash, so that two batches never wait for each
-- other in a circle. How many there are, and how many were not in the backlog yet.
-- name: add
WITH lacking AS MATERIALIZED (
    SELECT DISTINCT s.passage
    FROM stage_chunks AS s
    WHERE s.passage IS NOT NULL AND NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = s.passage)
), added AS (
    INSERT INTO gbrain.backlog (model_id, passage)
    SELECT %(model)s, passage FROM lacking ORDER BY passage
    ON CONFLICT (model_id, passage) DO NOTHING
    RETURNING id
)
SELECT count(*), (SELECT count(*) FROM added) FROM lacking

-- In how many places the batch's passages wait for a vector. It is asked once their rows are in the backlog: another batch
-- may have been waited for meanwhile, and a vector stored behind it.
-- name: come
SELECT count(*) FROM stage_chunks AS s
WHERE s.passage IS NOT NULL AND NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = s.passage)

-- What a batch took away, where it took nothing away.
-- name: ensure_loose
CREATE TEMP TABLE IF NOT EXISTS stage_loose (text_id bigint, passage bytea) ON COMMIT DROP

-- The rows of the backlog that the batch's places stand on or stood on, kept there until it is in: a vector is stored only
-- by whoever takes its row away, and counts the places it finds then.
-- name: hold
SELECT b.passage
FROM (SELECT passage FROM stage_chunks WHERE passage IS NOT NULL
      UNION SELECT passage FROM stage_loose WHERE passage IS NOT NULL) AS s
JOIN gbrain.backlog AS b ON b.model_id = %(model)s AND b.passage = s.passage
ORDER BY b.passage
FOR KEY SHARE OF b

-- The batch's passages that have no vector.
-- name: lacking
SELECT DISTINCT s.passage FROM stage_chunks AS s
WHERE s.passage IS NOT NULL AND NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = s.passage)

-- The same of what it takes away.
-- name: went
SELECT count(*) FROM stage_loose AS s
WHERE s.passage IS NOT NULL AND NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = s.passage)

-- So many places more of the source wait for a vector.
-- name: shift
INSERT INTO gbrain.coverage AS c (model_id, source_id, pending) VALUES (%(model)s, %(source)s, %(pending)s)
ON CONFLICT (model_id, source_id) DO UPDATE SET pending = c.pending + excluded.pending

-- Passages that the batch took away from their last place.
-- name: loosen
INSERT INTO gbrain.loose (passage)
SELECT DISTINCT s.passage FROM stage_loose AS s
WHERE s.passage IS NOT NULL AND NOT EXISTS (SELECT FROM gbrain.chunks AS c WHERE c.passage = s.passage)
ORDER BY s.passage
ON CONFLICT (passage) DO NOTHING
