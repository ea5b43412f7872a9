-- Rows of the backlog, kept from batches that count on them, in the order in which batches take them.
-- name: lock
SELECT passage FROM gbrain.backlog WHERE model_id = %(model)s AND passage = ANY(%(passages)s) ORDER BY passage FOR UPDATE

-- Those that need nothing any more: they have a vector, or no place says what they are. It must be just those of which the
-- statement that reads passages finds no text: else they would be claimed again and again.
-- name: drop_needless
DELETE FROM gbrain.backlog AS b
WHERE b.model_id = %(model)s AND b.passage = ANY(%(passages)s)
  AND (EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = b.passage)
       OR NOT EXISTS (SELECT FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
                      JOIN gbrain.texts AS t ON t.id = c.text_id WHERE c.passage = b.passage))

-- They leave the backlog, kept from batches that count on them until their vectors are in.
-- name: take
DELETE FROM gbrain.backlog WHERE model_id = %(model)s AND passage = ANY(%(passages)s) RETURNING passage

-- Their vectors; NULL: the model finds nothing in the text. The places of each source that they stand in wait no longer. How
-- many there are, by source how many places, and how many of them stand nowhere any more.
-- name: store
WITH stored AS (
    INSERT INTO {vectors} (passage, vector)
    SELECT w.passage, w.vector FROM unnest(%(passages)s::bytea[], %(vectors)s::halfvec[]) AS w (passage, vector)
    ON CONFLICT (passage) DO NOTHING
    RETURNING passage
), standing AS MATERIALIZED (
    SELECT s.passage, place.source_id
    FROM stored AS s
    LEFT JOIN LATERAL (
        SELECT p.source_id FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
        WHERE c.passage = s.passage
        OFFSET 0
    ) AS place ON true
), places AS MATERIALIZED (
    SELECT source_id, count(*) AS number FROM standing WHERE source_id IS NOT NULL GROUP BY source_id
), held AS MATERIALIZED (
    SELECT c.source_id, places.number
    FROM gbrain.coverage AS c JOIN places ON places.source_id = c.source_id
    WHERE c.model_id = %(model)s
    ORDER BY c.source_id
    FOR NO KEY UPDATE OF c
), settled AS (
    UPDATE gbrain.coverage AS c SET pending = c.pending - held.number
    FROM held
    WHERE c.model_id = %(model)s AND c.source_id = held.source_id
    RETURNING c.source_id, held.number
)
SELECT NULL, count(*) FROM stored
UNION ALL
SELECT source_id, number FROM settled
UNION ALL
SELECT '', count(*) FROM standing WHERE source_id IS NULL

-- Passages whose last place went while their vectors were made. It is a transaction of its own: batches take what is loose
-- before the backlog.
-- name: loosen
INSERT INTO gbrain.loose (passage)
SELECT w.passage FROM unnest(%(passages)s::bytea[]) AS w (passage)
WHERE NOT EXISTS (SELECT FROM gbrain.chunks AS c WHERE c.passage = w.passage)
ORDER BY w.passage
ON CONFLICT (passage) DO NOTHING

-- Passages that have been loose for so long, kept from batches that put them back.
-- name: long_loose
SELECT passage FROM gbrain.loose
WHERE since < clock_timestamp() - %(keep)s::interval
ORDER BY since LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- Those of them that stand nowhere.
-- name: still_loose
SELECT w.passage FROM unnest(%(passages)s::bytea[]) AS w (passage)
WHERE NOT EXISTS (SELECT FROM gbrain.chunks AS c WHERE c.passage = w.passage)

-- Their vectors go.
-- name: drop_vectors
DELETE FROM {vectors} WHERE passage = ANY(%(passages)s)

-- And they are loose no longer.
-- name: fasten
DELETE FROM gbrain.loose WHERE passage = ANY(%(passages)s)

-- The types in which vectors are sent.
-- name: types
SELECT t.oid, t.typarray FROM pg_type AS t
JOIN pg_depend AS d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'vector'
WHERE t.typname = 'halfvec'
