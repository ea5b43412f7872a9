-- The pages of a source in order of path, behind one of them, whose paths begin so.
-- name: pages_after
SELECT p.id, p.path, p.slug, p.kind, p.title
FROM gbrain.pages AS p
WHERE p.source_id = %(source)s
  AND (substr(p.path, 1, 1000), sha256(p.path)) > (%(after)s::bytea, %(after_hash)s::bytea)
  AND substr(p.path, 1, 1000) >= %(prefix)s::bytea
  AND (%(end)s::bytea IS NULL OR substr(p.path, 1, 1000) < %(end)s::bytea)
  AND (%(kind)s::text IS NULL OR p.kind = %(kind)s)
ORDER BY substr(p.path, 1, 1000), sha256(p.path)
LIMIT %(limit)s

-- The pages of a source at these paths.
-- name: pages_at
SELECT p.id, p.path, p.slug, p.kind, p.title
FROM unnest(%(paths)s::bytea[]) AS w (path)
JOIN gbrain.pages AS p
  ON p.source_id = %(source)s AND substr(p.path, 1, 1000) = substr(w.path, 1, 1000) AND sha256(p.path) = sha256(w.path)

-- The pages of a source that have one of these names, as the last word of their slug or as title. It reads all pages of
-- the source.
-- name: pages_named
SELECT p.id, p.path, p.slug, p.kind, p.title
FROM gbrain.pages AS p
WHERE p.source_id = %(source)s
  AND (split_part(substring(p.slug FROM '[^/]*$'), '~', 1) = ANY(%(words)s::text[]) OR lower(p.title) = ANY(%(titles)s::text[]))
LIMIT %(limit)s

-- The links of a source's other pages that may mean one: those in which one of its words stands, and where it stands for
-- a folder those of dots and slashes alone. It reads all links of the source.
-- name: links_like
SELECT p.id, p.path, p.slug, p.kind, p.title, l.kind, l.target, l.line
FROM gbrain.pages AS p JOIN gbrain.links AS l ON l.page_id = p.id
WHERE p.source_id = %(source)s AND p.id <> %(page)s
  AND (EXISTS (SELECT FROM unnest(%(words)s::text[]) AS w (word) WHERE strpos(lower(l.target), w.word) > 0)
       OR (%(of_folder)s AND l.target ~ '^[./]+([?#].*)?$'))
ORDER BY p.slug, l.ordinal
LIMIT %(limit)s
