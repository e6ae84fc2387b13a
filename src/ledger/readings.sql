-- Verifications of the run, made by the first one.
CREATE TABLE IF NOT EXISTS verification (
    id       INTEGER PRIMARY KEY,
    -- What is verified: JSON. Only a verification of the same is continued.
    subject  TEXT NOT NULL,
    began_at TEXT NOT NULL,
    -- NULL if it was interrupted.
    ended_at TEXT,
    -- The summary as JSON, as `verify --json` prints it; NULL if it was interrupted.
    result   TEXT
);

-- The complete listings and objects that the last verification has read.
CREATE TABLE IF NOT EXISTS reading (
    verification INTEGER NOT NULL REFERENCES verification (id),
    -- The instance, the region, the operation and its parameters: JSON.
    key          TEXT NOT NULL,
    read_at      TEXT NOT NULL,
    -- The items, or the object: JSON.
    content      TEXT NOT NULL,
    PRIMARY KEY (verification, key)
) WITHOUT ROWID;
