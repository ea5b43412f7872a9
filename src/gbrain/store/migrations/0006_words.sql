-- The words of texts, in an index of our own: the server knows no number of texts that have a word, and its parser took most
-- of the time of a first sync.

ALTER TABLE gbrain.texts DROP COLUMN search;

-- Numbers under which the words of a page, as it is at a time, stand in the index. They only rise.
CREATE SEQUENCE gbrain.editions;

ALTER TABLE gbrain.pages ADD COLUMN edition bigint NOT NULL DEFAULT 0;

CREATE UNIQUE INDEX pages_by_edition ON gbrain.pages (edition) WHERE edition > 0;

-- Parts of the index: each holds texts of one source, is written once, and goes when it has been merged into another.
-- `editions` (64 bits each, rising) are its pages, `starts` (32 bits each) the number of the first text of each, all
-- little-endian. Pages that have another edition by now, or are gone, stay in it until it is merged.
CREATE TABLE gbrain.segments (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id text COLLATE "C" NOT NULL,
    rule      integer NOT NULL,
    texts     integer NOT NULL,
    lexemes   bigint NOT NULL,
    checksum  bytea NOT NULL,
    editions  bytea NOT NULL,
    starts    bytea NOT NULL
);

ALTER TABLE gbrain.segments ALTER COLUMN editions SET STORAGE EXTERNAL, ALTER COLUMN starts SET STORAGE EXTERNAL;

CREATE INDEX segments_of_source ON gbrain.segments (source_id);

-- Where a word stands in a segment: `term` is 64 bits of its hash, `entries` 32 bits for each text (64 by rules before 3).
CREATE TABLE gbrain.postings (
    segment_id bigint NOT NULL,
    term       bigint NOT NULL,
    entries    bytea NOT NULL,
    PRIMARY KEY (segment_id, term)
) WITH (toast_tuple_target = 8160);

ALTER TABLE gbrain.postings ALTER COLUMN entries SET STORAGE EXTERNAL;
