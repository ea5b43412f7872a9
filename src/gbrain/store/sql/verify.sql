-- One moment for all that is read; nothing can be written by mistake.
-- name: begin
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- No piece takes so long, unless a lock is in its way.
-- name: bound
SELECT set_config('statement_timeout', %(limit)s, true)

-- What status shows of the source, to be held against what is there.
-- name: counts
SELECT pages, chunks, failures_open, failures_acknowledged FROM gbrain.states WHERE source_id = %(source)s

-- The pages of a source in byte order of path, whole.
-- name: pages_after
SELECT path, id, blob, fingerprint, slug, kind, title, front_matter, body_line, edition
FROM gbrain.pages
WHERE source_id = %(source)s AND substr(path, 1, 1000) >= substr(%(after)s::bytea, 1, 1000) AND path > %(after)s::bytea
ORDER BY substr(path, 1, 1000), path
LIMIT %(limit)s

-- The ledger of a source in the same order, whole.
-- name: entries_after
SELECT path, blob, mode, fingerprint, slug, reason, detail, state
FROM gbrain.ledger
WHERE source_id = %(source)s AND substr(path, 1, 1000) >= substr(%(after)s::bytea, 1, 1000) AND path > %(after)s::bytea
ORDER BY substr(path, 1, 1000), path
LIMIT %(limit)s

-- The places of some pages. A text of another source, or one that is gone, gives no hash.
-- name: chunks_of
SELECT c.page_id, c.ordinal, t.hash, c.headings, c.first_line, c.last_line, c.passage
FROM gbrain.chunks AS c LEFT JOIN gbrain.texts AS t ON t.id = c.text_id AND t.source_id = %(source)s
WHERE c.page_id = ANY(%(pages)s) ORDER BY c.page_id, c.ordinal

-- How many places some pages have together.
-- name: count_places
SELECT count(*) FROM gbrain.chunks WHERE page_id = ANY(%(pages)s)

-- The links of some pages.
-- name: links_of
SELECT page_id, ordinal, kind, target, line FROM gbrain.links
WHERE page_id = ANY(%(pages)s) ORDER BY page_id, ordinal

-- The next texts of a source, each with what is wrong with it: its hash, or that no place needs it. They
-- are picked first: else the planner reads all places of the brain for each piece.
-- name: texts_after
WITH piece AS MATERIALIZED (
    SELECT id, source_id, hash, text FROM gbrain.texts
    WHERE source_id = %(source)s AND hash > %(after)s
    ORDER BY hash LIMIT %(limit)s
)
SELECT t.hash, sha256(convert_to(t.text, 'UTF8')) = t.hash,
       EXISTS (SELECT FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
               WHERE c.text_id = t.id AND p.source_id = t.source_id)
FROM piece AS t ORDER BY t.hash

-- Rows of pages or sources that are not there, whatever source they came from.
-- name: stray
SELECT (SELECT count(*) FROM gbrain.chunks AS c WHERE NOT EXISTS (SELECT FROM gbrain.pages AS p WHERE p.id = c.page_id)),
       (SELECT count(*) FROM gbrain.links AS l WHERE NOT EXISTS (SELECT FROM gbrain.pages AS p WHERE p.id = l.page_id)),
       (SELECT count(*) FROM gbrain.pages AS p WHERE NOT EXISTS (SELECT FROM gbrain.sources AS s WHERE s.id = p.source_id)),
       (SELECT count(*) FROM gbrain.texts AS t WHERE NOT EXISTS (SELECT FROM gbrain.sources AS s WHERE s.id = t.source_id)),
       (SELECT count(*) FROM gbrain.ledger AS l WHERE NOT EXISTS (SELECT FROM gbrain.sources AS s WHERE s.id = l.source_id)),
       (SELECT count(*) FROM gbrain.coverage AS c
        WHERE NOT EXISTS (SELECT FROM gbrain.sources AS s WHERE s.id = c.source_id))
