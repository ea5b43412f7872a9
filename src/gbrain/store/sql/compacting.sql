-- The words of a segment in a stretch of all that there may be.
-- name: postings_between
SELECT term, entries FROM gbrain.postings
WHERE segment_id = %(segment)s AND term >= %(first)s AND term <= %(last)s ORDER BY term

-- Which of some editions are those of pages as they are.
-- name: live_editions
SELECT edition FROM gbrain.pages WHERE edition = ANY(%(editions)s)

-- The segments of a source, whole but for their words; and how many texts the source has.
-- name: whole
SELECT s.id, s.texts, s.editions, s.starts, st.chunks
FROM gbrain.segments AS s JOIN gbrain.states AS st ON st.source_id = s.source_id
WHERE s.source_id = %(source)s AND s.rule = %(rule)s

-- The segments of a source that were made by another rule.
-- name: outdated
SELECT id FROM gbrain.segments WHERE source_id = %(source)s AND rule <> %(rule)s
