-- Who may ask from outside. Of a secret only its hash is kept; no sources means all of them, an empty list none.
CREATE TABLE gbrain.tokens (
    name         text COLLATE "C" PRIMARY KEY CHECK (name <> ''),
    secret_hash  bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
    scope        text NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    sources      text[] COLLATE "C",
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz,
    last_used_at timestamptz
);
