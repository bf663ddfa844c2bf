"""The table of commands that were carried out, for calls that are not hot: one row per request_id, in the transaction
of its effect.

    CREATE TABLE requests (
        bucket      int         NOT NULL,
        caller      text        NOT NULL,
        method      text        NOT NULL,
        request_id  text        NOT NULL,
        fingerprint bytea       NOT NULL,
        subject_id  text        NOT NULL,   -- what the command made or changed
        created_at  timestamptz NOT NULL,
        PRIMARY KEY (bucket, caller, method, request_id)
    );
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any

from services.values.requests import Request, reused

_CLAIM = """
INSERT INTO requests (bucket, caller, method, request_id, fingerprint, subject_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (bucket, caller, method, request_id) DO NOTHING
RETURNING subject_id"""

_FIND = """
SELECT fingerprint, subject_id FROM requests
WHERE bucket = $1 AND caller = $2 AND method = $3 AND request_id = $4"""


async def claim(connection: Any, request: Request, subject_id: str, now: datetime) -> str | None:
    """Takes the request's id for `subject_id`. A concurrent repeat waits here until the first has committed.

    Returns:
        None when this is the first time, else the first time's subject_id.

    Raises:
        Refusal: REQUEST_ID_REUSED.
    """
    key = (request.bucket, request.caller, request.method, request.request_id)
    if await connection.fetchval(_CLAIM, *key, request.fingerprint, subject_id, now) is not None:
        return None
    return await find(connection, request)


async def find(connection: Any, request: Request) -> str | None:
    """The first time's subject_id, None when there was no first time; raises REQUEST_ID_REUSED."""
    key = (request.bucket, request.caller, request.method, request.request_id)
    known = await connection.fetchrow(_FIND, *key)
    if known is None:
        return None
    if not hmac.compare_digest(known["fingerprint"], request.fingerprint):
        raise reused()
    return str(known["subject_id"])
