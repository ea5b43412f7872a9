-- The pages of a source in byte order of path, from behind one path on.
-- name: pages_after
SELECT path, id, blob, fingerprint, slug
FROM gbrain.pages
WHERE source_id = %(source)s AND substr(path, 1, 1000) >= substr(%(after)s::bytea, 1, 1000) AND path > %(after)s::bytea
ORDER BY substr(path, 1, 1000), path
LIMIT %(limit)s

-- The ledger of a source in the same order.
-- name: entries_after
SELECT path, blob, mode, fingerprint, slug, state
FROM gbrain.ledger
WHERE source_id = %(source)s AND substr(path, 1, 1000) >= substr(%(after)s::bytea, 1, 1000) AND path > %(after)s::bytea
ORDER BY substr(path, 1, 1000), path
LIMIT %(limit)s

-- The pages of the given paths.
-- name: pages_at
SELECT p.path, p.id, p.blob, p.fingerprint, p.slug
FROM unnest(%(paths)s::bytea[]) AS wanted (path)
JOIN gbrain.pages AS p
  ON p.source_id = %(source)s AND substr(p.path, 1, 1000) = substr(wanted.path, 1, 1000)
 AND sha256(p.path) = sha256(wanted.path)

-- The ledger's rows of the given paths.
-- name: entries_at
SELECT l.path, l.blob, l.mode, l.fingerprint, l.slug, l.state
FROM unnest(%(paths)s::bytea[]) AS wanted (path)
JOIN gbrain.ledger AS l
  ON l.source_id = %(source)s AND substr(l.path, 1, 1000) = substr(wanted.path, 1, 1000)
 AND sha256(l.path) = sha256(wanted.path)

-- Every path whose slug belongs to one of the given groups. `~` (0x7e) never stands in a base, so one range is one group.
-- name: group_members
SELECT member.path, member.id, member.slug
FROM unnest(%(bases)s::text[]) AS wanted (base)
CROSS JOIN LATERAL (
    SELECT p.path, p.id, p.slug FROM gbrain.pages AS p
    WHERE p.source_id = %(source)s AND p.slug = wanted.base
    UNION ALL
    SELECT p.path, p.id, p.slug FROM gbrain.pages AS p
    WHERE p.source_id = %(source)s AND p.slug >= wanted.base || '~' AND p.slug < wanted.base || chr(127)
    UNION ALL
    SELECT l.path, NULL, l.slug FROM gbrain.ledger AS l
    WHERE l.source_id = %(source)s AND l.slug = wanted.base
    UNION ALL
    SELECT l.path, NULL, l.slug FROM gbrain.ledger AS l
    WHERE l.source_id = %(source)s AND l.slug >= wanted.base || '~' AND l.slug < wanted.base || chr(127)
) AS member

-- How many rows hang on some pages: what deleting or comparing them will touch.
-- name: stored_rows
SELECT page_id, sum(count)
FROM (
    SELECT page_id, count(*) FROM gbrain.chunks WHERE page_id = ANY(%(pages)s) GROUP BY page_id
    UNION ALL
    SELECT page_id, count(*) FROM gbrain.links WHERE page_id = ANY(%(pages)s) GROUP BY page_id
) AS counted
GROUP BY page_id

-- How many pages and failures a source has, as its writers count them.
-- name: kept
SELECT pages, failures_open + failures_acknowledged FROM gbrain.states WHERE source_id = %(source)s

-- Fresh ids for new pages.
-- name: new_page_ids
WITH sequence AS MATERIALIZED (SELECT pg_get_serial_sequence('gbrain.pages', 'id')::regclass AS name)
SELECT nextval(sequence.name) FROM sequence, generate_series(1, %(count)s)
