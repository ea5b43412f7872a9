-- Whoever asks for a page by its name looks it up by the last part of its slug, without what tells equal slugs apart.
CREATE INDEX pages_by_name ON gbrain.pages (source_id, split_part(substring(slug FROM '[^/]*$'), '~', 1));
