-- The ledger of a run, schema version 3. It holds no secret.

-- The job, one row: JSON with `action` (`attach` for a restore), `identity`, `options`, `size`, `inputs` (in the order of their bytes
-- in the copy next to the ledger), `version`, `snapshot` and `restores`.
CREATE TABLE job (
    spec TEXT NOT NULL
);

-- What was granted before the run (`run --snapshot`): one row for each target that the job touches.
-- Empty without a snapshot; `snapshot` in the job's JSON says when it was read.
CREATE TABLE snapshot (
    instance_id  TEXT NOT NULL,
    region       TEXT NOT NULL,
    -- `user` or `user group`
    grantee_kind TEXT NOT NULL,
    grantee      TEXT NOT NULL,
    -- `host`, `host-group` or `database`
    kind         TEXT NOT NULL,
    target       TEXT NOT NULL,
    -- 1 if the target was listed as granted, 0 if it was not, NULL if that is not known.
    granted      INTEGER,
    -- The authorized accounts: JSON, a list of ids, or of names for a host group.
    accounts     TEXT NOT NULL,
    -- Why something may be missing; NULL if nothing is.
    reason       TEXT
);

-- One row for each run of the command on the job.
CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    started_at TEXT NOT NULL,
    version    TEXT NOT NULL,
    ended_at   TEXT,
    exit_code  INTEGER,
    causes     TEXT,
    -- Whose keys were used: JSON with `source`, `access_key_id` (hidden except for its ends), `arn`
    -- and `account_id`.
    caller     TEXT
);

-- One row for each attempt of a request, in the order of the intents.
CREATE TABLE attempt (
    id          INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES run (id),
    -- The grants: JSON, a list of [first, last], in the order of the request.
    grants      TEXT NOT NULL,
    -- When the intent was written; the request is sent after that.
    intended_at TEXT NOT NULL,
    -- How it ended: answered, refused, split, stopped, expired, throttled, lost, unconnected or
    -- withdrawn; NULL if no answer was recorded, which counts as sent.
    state       TEXT,
    -- 1 if its unsettled grants get no further attempt.
    last        INTEGER,
    code        TEXT,
    message     TEXT,
    request_id  TEXT,
    finished_at TEXT,
    -- The grants that are not simply revoked or restored: JSON, a list of
    -- {"place", "grant", "status", "code", "message"}; NULL if there are none.
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
            WHEN 'answered' THEN CASE
                WHEN (SELECT json_extract(spec, '$.action') FROM job) = 'attach' THEN 'restored'
                ELSE 'revoked'
            END
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
