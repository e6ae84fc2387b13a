-- The ledger of a run, schema version 1. It holds no secret.

-- What identifies the job, and what explains a difference: see `identity` and `settings`.
CREATE TABLE job (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The inputs, as they stand one after the other in the copy beside the ledger.
CREATE TABLE input (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    bytes  INTEGER NOT NULL
);

-- One row for each time the command worked on the job.
CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    started_at TEXT NOT NULL,
    version    TEXT NOT NULL,
    ended_at   TEXT,
    exit_code  INTEGER,
    causes     TEXT
);

-- One row for each sending of a request, in the order of the intents.
CREATE TABLE attempt (
    id          INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES run (id),
    -- Which grants: JSON, a list of [first, last], in the order in which the request names them.
    grants      TEXT NOT NULL,
    -- When the intent was written; the request leaves after that.
    intended_at TEXT NOT NULL,
    -- How it ended: answered, refused, split, stopped, expired, throttled, lost, unconnected or
    -- withdrawn; NULL where no answer was recorded, which counts as sent.
    state       TEXT,
    -- 1 where no further attempt will be made for what is still open after it.
    last        INTEGER,
    code        TEXT,
    message     TEXT,
    request_id  TEXT,
    finished_at TEXT,
    -- The grants that are not plainly revoked: JSON, a list of
    -- {"place", "grant", "status", "code", "message"}; NULL where there are none.
    items       TEXT
);

-- One row for each grant of each attempt.
CREATE VIEW item AS
WITH RECURSIVE span (attempt, grant_id, last_grant) AS (
    SELECT attempt.id, json_extract(range.value, '$[0]'), json_extract(range.value, '$[1]')
    FROM attempt, json_each(attempt.grants) AS range
    UNION ALL
    SELECT attempt, grant_id + 1, last_grant FROM span WHERE grant_id < last_grant
)
SELECT
    span.attempt,
    span.grant_id,
    attempt.state,
    coalesce(
        json_extract(exception.value, '$.status'),
        CASE attempt.state
            WHEN 'answered' THEN 'revoked'
            WHEN 'refused' THEN 'failed'
            WHEN 'lost' THEN 'unknown'
            ELSE CASE WHEN attempt.state IS NULL THEN 'unknown' ELSE 'unprocessed' END
        END
    ) AS status,
    coalesce(json_extract(exception.value, '$.code'), attempt.code) AS code,
    coalesce(json_extract(exception.value, '$.message'), attempt.message) AS message,
    attempt.request_id,
    attempt.finished_at
FROM span
JOIN attempt ON attempt.id = span.attempt
LEFT JOIN json_each(attempt.items) AS exception
    ON json_extract(exception.value, '$.grant') = span.grant_id;
