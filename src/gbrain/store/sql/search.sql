-- One moment for all that is read: segments that are merged meanwhile stay as they were.
-- name: begin
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- The same for a search by vectors: an index over them is asked for 64 at a time, and again until enough fit, in the order
-- in which it meets them; in strict order it leaves out what it meets too late.
-- name: begin_near
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL hnsw.ef_search = 64;
SET LOCAL hnsw.iterative_scan = relaxed_order

-- The sources that a search may look at: whether each is among those it looks at where none is named, the model that serves
-- and how many of the source's texts lack its vector, its pages of a name, and its segments, by id, with the rule
-- that each was made by. A page is of a name if its slug is that or ends in it; equal slugs are told apart behind a `~`.
-- name: scope
WITH searched AS MATERIALIZED (
    SELECT s.id, s.federated, ARRAY(
        SELECT p.edition FROM gbrain.pages AS p
        WHERE p.source_id = s.id AND split_part(substring(p.slug FROM '[^/]*$'), '~', 1) = %(last)s
          AND ('/' || split_part(p.slug, '~', 1)) LIKE '%%/' || %(name)s AND p.edition > 0
          AND (%(visible)s::text[] IS NULL OR s.id = ANY(%(visible)s::text[]))
        LIMIT %(most)s
    ) AS named
    FROM gbrain.sources AS s WHERE s.archived_at IS NULL
)
SELECT s.id, s.federated, m.id, st.chunks, coalesce(v.pending, 0), s.named,
       g.id, g.texts, g.lexemes, g.checksum, g.rule
FROM searched AS s
JOIN gbrain.states AS st ON st.source_id = s.id
LEFT JOIN gbrain.models AS m ON m.state = 'active'
LEFT JOIN gbrain.coverage AS v ON v.model_id = m.id AND v.source_id = s.id
LEFT JOIN gbrain.segments AS g ON g.source_id = s.id
ORDER BY s.id, g.id

-- Where some words stand.
-- name: postings
SELECT term, segment_id, entries FROM gbrain.postings
WHERE segment_id = ANY(%(segments)s) AND term = ANY(%(terms)s)

-- The pages of some segments.
-- name: editions
SELECT id, editions, starts FROM gbrain.segments WHERE id = ANY(%(segments)s)

-- The next pages of some sources that are in the index; with the front matter where it is wanted.
-- name: pages
SELECT p.id, p.source_id, p.edition, p.path, p.kind, CASE WHEN %(matter)s THEN p.front_matter END
FROM gbrain.pages AS p
WHERE p.source_id = ANY(%(sources)s) AND p.edition > %(after)s
ORDER BY p.edition
LIMIT %(limit)s

-- Some places of pages, by edition and ordinal, as far as they are what the pages say now and of these sources.
-- name: places
SELECT w.number, p.id, p.source_id, p.slug, p.path, p.title, c.ordinal, c.headings, c.first_line, c.last_line, t.text
FROM unnest(%(numbers)s::bigint[], %(editions)s::bigint[], %(ordinals)s::integer[]) AS w (number, edition, ordinal)
JOIN gbrain.pages AS p ON p.edition = w.edition AND p.edition > 0
JOIN gbrain.chunks AS c ON c.page_id = p.id AND c.ordinal = w.ordinal
JOIN gbrain.texts AS t ON t.id = c.text_id
WHERE p.source_id = ANY(%(sources)s)

-- What some pages say now, and where they say it.
-- name: said
SELECT p.edition, p.title, c.headings, t.text
FROM gbrain.pages AS p
JOIN gbrain.chunks AS c ON c.page_id = p.id
JOIN gbrain.texts AS t ON t.id = c.text_id
WHERE p.edition = ANY(%(editions)s) AND p.edition > 0

-- The places nearest to a vector, by the index: it is asked for more until enough are of these sources.
-- name: nearest
SELECT -(v.vector <#> %(vector)s::halfvec), p.source_id, p.edition, c.ordinal
FROM {vectors} AS v
JOIN gbrain.chunks AS c ON c.passage = v.passage
JOIN gbrain.pages AS p ON p.id = c.page_id
WHERE v.vector IS NOT NULL AND p.source_id = ANY(%(sources)s)
ORDER BY v.vector <#> %(vector)s::halfvec
LIMIT %(limit)s

-- The same where the sources have few places, or only some pages are asked for: each is looked at.
-- name: nearest_of_few
WITH places AS MATERIALIZED (
    SELECT c.passage, p.source_id, p.edition, c.ordinal FROM gbrain.pages AS p JOIN gbrain.chunks AS c ON c.page_id = p.id
    WHERE p.source_id = ANY(%(sources)s) AND (%(pages)s::bigint[] IS NULL OR p.id = ANY(%(pages)s::bigint[]))
      AND c.passage IS NOT NULL
)
SELECT -(v.vector <#> %(vector)s::halfvec), places.source_id, places.edition, places.ordinal
FROM places JOIN {vectors} AS v ON v.passage = places.passage
WHERE v.vector IS NOT NULL
ORDER BY v.vector <#> %(vector)s::halfvec, places.edition, places.ordinal
LIMIT %(limit)s

-- The index is asked for so many at a time from now on.
-- name: widen
SELECT set_config('hnsw.ef_search', %(width)s, true)
