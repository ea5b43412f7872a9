-- A worker, whose claims are its own as long as it says so again before its term is over.
-- name: enlist
INSERT INTO gbrain.workers (model_id, holder_host, holder_boot, holder_pids, holder_pid, holder_started, expires_at)
VALUES (%(model)s, %(host)s, %(boot)s, %(pids)s, %(pid)s, %(started)s, clock_timestamp() + %(term)s)
RETURNING id

-- It works on, and how far it is. No row where its claims were given to others.
-- name: renew
UPDATE gbrain.workers
SET expires_at = clock_timestamp() + %(term)s, done = %(done)s, total = %(total)s, rate_per_s = %(rate)s,
    waits_until = clock_timestamp() + %(waits)s::interval, trouble = %(trouble)s
WHERE id = %(worker)s
RETURNING id

-- Every worker, and whether its term is over.
-- name: workers
SELECT id, model_id, holder_host, holder_boot, holder_pids, holder_pid, holder_started, expires_at < clock_timestamp()
FROM gbrain.workers

-- A worker that left, or was judged dead, with its claims. Who claims holds its row, so nothing is claimed meanwhile.
-- name: dismiss
DELETE FROM gbrain.workers WHERE id = %(worker)s AND (%(whatever)s OR expires_at < clock_timestamp()) RETURNING id

-- What it had claimed is free again.
-- name: free
UPDATE gbrain.backlog SET worker_id = NULL WHERE worker_id = %(worker)s RETURNING model_id, id

-- Some of what a worker has claimed, given back.
-- name: give_back
UPDATE gbrain.backlog SET worker_id = NULL
WHERE model_id = %(model)s AND passage = ANY(%(passages)s) AND worker_id = %(worker)s
RETURNING model_id, id

-- Free rows from a position on, in order, claimed. Rows another claims in this moment are passed over. They are found again
-- through an array: a join would read the whole backlog wherever it is small beside what is claimed.
-- name: claim
WITH me AS MATERIALIZED (
    SELECT id FROM gbrain.workers WHERE id = %(worker)s FOR KEY SHARE
), free AS MATERIALIZED (
    SELECT b.passage
    FROM gbrain.backlog AS b
    WHERE b.model_id = %(model)s AND b.id >= %(position)s AND b.worker_id IS NULL AND b.refused IS NULL
    ORDER BY b.id
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE gbrain.backlog AS b SET worker_id = me.id
FROM me
WHERE b.model_id = %(model)s AND b.passage = ANY(ARRAY(SELECT passage FROM free))
RETURNING b.id, b.passage

-- The same, of one source. The limit has each row looked up: a join would read and sort all that is free.
-- name: claim_of_source
WITH me AS MATERIALIZED (
    SELECT id FROM gbrain.workers WHERE id = %(worker)s FOR KEY SHARE
), free AS MATERIALIZED (
    SELECT b.passage
    FROM gbrain.backlog AS b
    WHERE b.model_id = %(model)s AND b.id >= %(position)s AND b.worker_id IS NULL AND b.refused IS NULL
      AND (SELECT true FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
           WHERE c.passage = b.passage AND p.source_id = %(source)s LIMIT 1)
    ORDER BY b.id
    LIMIT %(limit)s
    FOR NO KEY UPDATE OF b SKIP LOCKED
)
UPDATE gbrain.backlog AS b SET worker_id = me.id
FROM me
WHERE b.model_id = %(model)s AND b.passage = ANY(ARRAY(SELECT passage FROM free))
RETURNING b.id, b.passage

-- What passages say, as one of their places has it; whether they have a vector. Nothing where they stand nowhere any more.
-- name: passages
SELECT w.passage, EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = w.passage), place.title, place.headings, place.text
FROM unnest(%(passages)s::bytea[]) AS w (passage)
LEFT JOIN LATERAL (
    SELECT p.title, c.headings, t.text
    FROM gbrain.chunks AS c
    JOIN gbrain.pages AS p ON p.id = c.page_id
    JOIN gbrain.texts AS t ON t.id = c.text_id
    WHERE c.passage = w.passage
    LIMIT 1
) AS place ON true

-- From where free rows may stand: what is below was claimed at some time.
-- name: claims_from
SELECT claims_from FROM gbrain.models WHERE id = %(model)s

-- The same, noted. It is a hint: whoever finds nothing from there on looks from the beginning.
-- name: note_claims_from
UPDATE gbrain.models SET claims_from = %(position)s WHERE id = %(model)s AND claims_from < %(position)s

-- Rows that were given back lie below it.
-- name: lower_claims_from
UPDATE gbrain.models SET claims_from = %(position)s WHERE id = %(model)s AND claims_from > %(position)s

-- How a backlog stands: what is free, what somebody has claimed, what was refused.
-- name: standing
SELECT count(*) FILTER (WHERE worker_id IS NULL AND refused IS NULL), count(*) FILTER (WHERE worker_id IS NOT NULL),
       count(*) FILTER (WHERE refused IS NOT NULL)
FROM gbrain.backlog WHERE model_id = %(model)s

-- The same of one source.
-- name: standing_of_source
SELECT count(*) FILTER (WHERE b.worker_id IS NULL AND b.refused IS NULL), count(*) FILTER (WHERE b.worker_id IS NOT NULL),
       count(*) FILTER (WHERE b.refused IS NOT NULL)
FROM gbrain.backlog AS b
WHERE b.model_id = %(model)s
  AND EXISTS (SELECT FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
              WHERE c.passage = b.passage AND p.source_id = %(source)s)

-- Whether anything is in it that may be claimed or is.
-- name: any_left
SELECT EXISTS (SELECT FROM gbrain.backlog WHERE model_id = %(model)s AND refused IS NULL)

-- How the texts of a backlog that were not refused weigh, for whoever wants to know before anything is sent.
-- name: weigh
SELECT count(*), coalesce(sum(characters), 0)::bigint, coalesce(sum(octets), 0)::bigint
FROM (
    SELECT length(place.title) + length(place.text) + length(place.headings) AS characters,
           octet_length(place.title) + octet_length(place.text) + octet_length(place.headings) AS octets
    FROM gbrain.backlog AS b
    CROSS JOIN LATERAL (
        SELECT p.title, t.text, array_to_string(c.headings, ' > ') AS headings
        FROM gbrain.chunks AS c
        JOIN gbrain.pages AS p ON p.id = c.page_id
        JOIN gbrain.texts AS t ON t.id = c.text_id
        WHERE c.passage = b.passage AND p.source_id = coalesce(%(source)s, p.source_id)
        LIMIT 1
    ) AS place
    WHERE b.model_id = %(model)s AND (b.refused IS NULL OR %(refused)s)
) AS texts

-- The same of everything that lacks a vector, whether it is in a backlog or not.
-- name: weigh_lacking
SELECT count(*), coalesce(sum(characters), 0)::bigint, coalesce(sum(octets), 0)::bigint
FROM (
    SELECT DISTINCT ON (c.passage)
           length(p.title) + length(t.text) + length(array_to_string(c.headings, ' > ')) AS characters,
           octet_length(p.title) + octet_length(t.text) + octet_length(array_to_string(c.headings, ' > ')) AS octets
    FROM gbrain.chunks AS c
    JOIN gbrain.pages AS p ON p.id = c.page_id
    JOIN gbrain.texts AS t ON t.id = c.text_id
    WHERE c.passage IS NOT NULL AND p.source_id = coalesce(%(source)s, p.source_id)
      AND NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = c.passage)
) AS texts

-- The same of everything.
-- name: weigh_all
SELECT count(*), coalesce(sum(characters), 0)::bigint, coalesce(sum(octets), 0)::bigint
FROM (
    SELECT DISTINCT ON (c.passage)
           length(p.title) + length(t.text) + length(array_to_string(c.headings, ' > ')) AS characters,
           octet_length(p.title) + octet_length(t.text) + octet_length(array_to_string(c.headings, ' > ')) AS octets
    FROM gbrain.chunks AS c
    JOIN gbrain.pages AS p ON p.id = c.page_id
    JOIN gbrain.texts AS t ON t.id = c.text_id
    WHERE c.passage IS NOT NULL AND p.source_id = coalesce(%(source)s, p.source_id)
) AS texts

-- A passage that the provider will not take, and why.
-- name: refuse
UPDATE gbrain.backlog
SET refused = %(reason)s, refused_at = clock_timestamp(), worker_id = NULL
WHERE model_id = %(model)s AND passage = %(passage)s

-- Passages that were refused and stand nowhere any more.
-- name: needless_refusals
SELECT b.passage FROM gbrain.backlog AS b
WHERE b.model_id = %(model)s AND b.refused IS NOT NULL
  AND NOT EXISTS (SELECT FROM gbrain.chunks AS c WHERE c.passage = b.passage)
LIMIT %(limit)s

-- Passages that were refused may be tried again.
-- name: retry
UPDATE gbrain.backlog AS b
SET refused = NULL, refused_at = NULL
WHERE b.model_id = %(model)s AND b.refused IS NOT NULL
  AND (%(source)s::text IS NULL
       OR EXISTS (SELECT FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
                  WHERE c.passage = b.passage AND p.source_id = %(source)s))
RETURNING b.model_id, b.id

-- What was refused, with one place of each: the newest first.
-- name: refusals
SELECT p.source_id, p.path, c.first_line, c.last_line, b.refused, b.refused_at
FROM gbrain.backlog AS b
CROSS JOIN LATERAL (SELECT * FROM gbrain.chunks AS c WHERE c.passage = b.passage LIMIT 1) AS c
JOIN gbrain.pages AS p ON p.id = c.page_id
WHERE b.model_id = %(model)s AND b.refused IS NOT NULL
ORDER BY b.refused_at DESC, b.id
LIMIT %(limit)s
