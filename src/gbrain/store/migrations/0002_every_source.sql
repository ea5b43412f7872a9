-- Settings that decide what is read of a repository, and sources that are put away or meant when none is named.

ALTER TABLE gbrain.sources
    ADD COLUMN is_plain    boolean NOT NULL DEFAULT false,
    ADD COLUMN subdir      bytea CHECK (subdir <> ''),
    ADD COLUMN include     text[] NOT NULL DEFAULT '{}',
    ADD COLUMN exclude     text[] NOT NULL DEFAULT '{}',
    ADD COLUMN interval    interval,
    ADD COLUMN archived_at timestamptz,
    ADD COLUMN is_default  boolean NOT NULL DEFAULT false;

CREATE UNIQUE INDEX sources_default ON gbrain.sources (is_default) WHERE is_default;
