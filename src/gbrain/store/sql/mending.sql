-- Places of no page at all, as far as they are this source's to take away: their text is its own, or there is none.
-- name: stray_places
SELECT c.page_id, c.ordinal
FROM gbrain.chunks AS c LEFT JOIN gbrain.texts AS t ON t.id = c.text_id
WHERE NOT EXISTS (SELECT FROM gbrain.pages AS p WHERE p.id = c.page_id)
  AND (t.id IS NULL OR t.source_id = %(source)s)
ORDER BY c.page_id, c.ordinal
LIMIT %(limit)s

-- Links of no page at all: nothing tells whose they were.
-- name: stray_links
SELECT l.page_id, l.ordinal
FROM gbrain.links AS l
WHERE NOT EXISTS (SELECT FROM gbrain.pages AS p WHERE p.id = l.page_id)
ORDER BY l.page_id, l.ordinal
LIMIT %(limit)s

-- The next texts of a source, each with whether it must go: its hash is not its text's, or no place of a page needs it. They are picked first: else the planner reads all places of the brain for each piece.
-- name: texts_after
WITH piece AS MATERIALIZED (
    SELECT id, source_id, hash, text FROM gbrain.texts
    WHERE source_id = %(source)s AND hash > %(after)s
    ORDER BY hash LIMIT %(limit)s
)
SELECT t.id, t.hash,
       sha256(convert_to(t.text, 'UTF8')) <> t.hash
       OR NOT EXISTS (SELECT FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
                      WHERE c.text_id = t.id AND p.source_id = t.source_id)
FROM piece AS t ORDER BY t.hash

-- Passages of such places that stand nowhere else: their vectors are kept for a while.
-- name: loosen_places
INSERT INTO gbrain.loose (passage)
SELECT DISTINCT c.passage
FROM gbrain.chunks AS c
JOIN unnest(%(pages)s::bigint[], %(ordinals)s::integer[]) AS gone (page_id, ordinal)
  ON c.page_id = gone.page_id AND c.ordinal = gone.ordinal
WHERE c.passage IS NOT NULL AND EXISTS (SELECT FROM gbrain.models)
  AND NOT EXISTS (SELECT FROM gbrain.chunks AS o JOIN gbrain.pages AS p ON p.id = o.page_id WHERE o.passage = c.passage)
ORDER BY c.passage
ON CONFLICT (passage) DO NOTHING

-- Take places away, but none whose page has come meanwhile.
-- name: drop_places
DELETE FROM gbrain.chunks AS c USING unnest(%(pages)s::bigint[], %(ordinals)s::integer[]) AS gone (page_id, ordinal)
WHERE c.page_id = gone.page_id AND c.ordinal = gone.ordinal
  AND NOT EXISTS (SELECT FROM gbrain.pages AS p WHERE p.id = c.page_id)

-- Take links away, but none whose page has come meanwhile.
-- name: drop_links
DELETE FROM gbrain.links AS l USING unnest(%(pages)s::bigint[], %(ordinals)s::integer[]) AS gone (page_id, ordinal)
WHERE l.page_id = gone.page_id AND l.ordinal = gone.ordinal
  AND NOT EXISTS (SELECT FROM gbrain.pages AS p WHERE p.id = l.page_id)

-- Pages that lose a text are as if derived by nobody: should this run be cut off, any later one derives them again.
-- name: doubt_pages
UPDATE gbrain.pages AS p SET fingerprint = ''
WHERE p.source_id = %(source)s
  AND p.id IN (SELECT c.page_id FROM gbrain.chunks AS c WHERE c.text_id = ANY(%(texts)s))

-- Take texts away.
-- name: drop_texts
DELETE FROM gbrain.texts WHERE source_id = %(source)s AND id = ANY(%(texts)s)

-- What is missing from now on is missing until the run's last batch is in.
-- name: unsettle
UPDATE gbrain.states SET settled = false WHERE source_id = %(source)s

-- What status should show, counted; no row where it shows just that already.
-- name: count
SELECT counted.*
FROM gbrain.states AS st
CROSS JOIN LATERAL (
    SELECT (SELECT count(*) FROM gbrain.pages AS p WHERE p.source_id = st.source_id) AS pages,
           (SELECT count(*) FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
            WHERE p.source_id = st.source_id) AS chunks,
           (SELECT count(*) FROM gbrain.ledger AS l WHERE l.source_id = st.source_id AND l.state = 'open') AS open,
           (SELECT count(*) FROM gbrain.ledger AS l
            WHERE l.source_id = st.source_id AND l.state = 'acknowledged') AS acknowledged
) AS counted
WHERE st.source_id = %(source)s
  AND (st.pages, st.chunks, st.failures_open, st.failures_acknowledged)
      IS DISTINCT FROM (counted.pages, counted.chunks, counted.open, counted.acknowledged)

-- A recount of what lacks a vector reads all of a source, but holds up nobody when its client stops, and waits for nobody
-- without end.
-- name: bound_recount
SELECT set_config('lock_timeout', %(limit)s, true), set_config('idle_in_transaction_session_timeout', %(limit)s, true),
       set_config('statement_timeout', %(longest)s, true)

-- Show it.
-- name: recount
UPDATE gbrain.states
SET pages = %(pages)s, chunks = %(chunks)s, failures_open = %(open)s, failures_acknowledged = %(acknowledged)s
WHERE source_id = %(source)s
