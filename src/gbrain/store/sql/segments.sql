-- The pages among some whose words are not in the index, or are in it by another rule.
-- name: unindexed
SELECT p.id FROM gbrain.pages AS p
WHERE p.id = ANY(%(pages)s)
  AND (p.edition = 0 OR EXISTS (SELECT FROM gbrain.segments AS s WHERE s.source_id = %(source)s AND s.rule <> %(rule)s))

-- Numbers for so many pages, rising.
-- name: new_editions
SELECT nextval('gbrain.editions') FROM generate_series(1, %(count)s)

-- A segment, whose words follow in the same transaction.
-- name: insert
INSERT INTO gbrain.segments (source_id, rule, texts, lexemes, checksum, editions, starts)
VALUES (%(source)s, %(rule)s, %(texts)s, %(lexemes)s, %(checksum)s, %(editions)s, %(starts)s)
RETURNING id

-- Its words, in order of term.
-- name: copy_postings
COPY gbrain.postings (segment_id, term, entries) FROM STDIN (FORMAT binary)

-- The segments of a source by whatever rule, with what is known of their words.
-- name: sums
SELECT id, rule, checksum, texts, lexemes, editions, starts FROM gbrain.segments WHERE source_id = %(source)s ORDER BY id

-- The next words of a segment.
-- name: postings_after
SELECT term, entries FROM gbrain.postings WHERE segment_id = %(segment)s AND term > %(after)s ORDER BY term LIMIT %(limit)s

-- The next pages of a source, with their editions.
-- name: editions_after
SELECT id, edition FROM gbrain.pages WHERE source_id = %(source)s AND id > %(after)s ORDER BY id LIMIT %(limit)s

-- Pages whose words are to be indexed anew.
-- name: doubt
UPDATE gbrain.pages SET edition = 0, fingerprint = '' WHERE source_id = %(source)s AND edition = ANY(%(editions)s)

-- The words of a segment go.
-- name: drop_postings
DELETE FROM gbrain.postings WHERE segment_id = %(segment)s

-- And it itself.
-- name: drop
DELETE FROM gbrain.segments WHERE id = %(segment)s AND source_id = %(source)s

-- What a segment says of its pages.
-- name: head
SELECT texts, editions, starts FROM gbrain.segments WHERE id = %(segment)s

-- What the words of a segment come to.
-- name: seal
UPDATE gbrain.segments SET lexemes = %(lexemes)s, checksum = %(checksum)s WHERE id = %(segment)s
