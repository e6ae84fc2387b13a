"""A script for comparison: revokes the same list with the official SDK.

Usage: revoke.py LIST HOST:PORT row|grouped [retries]

`row` makes one call for each row. `grouped` collects the rows of a user and a kind in order of
appearance and makes calls of up to ten targets with up to ten accounts each. `retries` gives the
SDK its own retry options: up to five attempts after throttling, a failing server and a broken
connection, with a growing wait. Sixteen calls are in flight at once.

Install the packages of tests/sdk/requirements.txt; the simulated service is
`bastion-revoke simulate --port 0 --quota 50`. Prints calls sent, rows failed and seconds.
"""

import csv
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from alibabacloud_tea_openapi.models import Config
from alibabacloud_yundun_bastionhost20191209 import models
from alibabacloud_yundun_bastionhost20191209.client import Client
from darabonba.policy.retry import RetryOptions

RETRIES = RetryOptions(
    {
        "retryable": True,
        "retryCondition": [
            {
                "maxAttempts": 5,
                "exception": ["ThrottlingException", "ServerException", "RetryError"],
                "errorCode": ["Throttling", "Throttling.User", "Throttling.Api"],
                "backoff": {"policy": "ExponentialWithFullJitter", "period": 200, "cap": 10000},
            }
        ],
    }
)
GONE = ("OK", "OBJECT_AlREADY_EXISTS")


def calls_by_row(rows):
    for row in rows:
        accounts = None if row["account"] == "*" else [row["account"]]
        yield row["user"], row["kind"], [(row["target"], accounts)], 1


def calls_grouped(rows):
    groups = {}
    for row in rows:
        targets = groups.setdefault((row["user"], row["kind"]), {})
        targets.setdefault(row["target"], []).append(row["account"])
    for (user, kind), targets in groups.items():
        call, count = [], 0
        for target, accounts in targets.items():
            if "*" in accounts:
                pieces = [(None, len(accounts))]
            else:
                distinct = list(dict.fromkeys(accounts))
                pieces = [(distinct[i : i + 10], 0) for i in range(0, len(distinct), 10)]
                pieces = [(piece, sum(a in piece for a in accounts)) for piece, _ in pieces]
            for piece, standing in pieces:
                if len(call) == 10 or any(target == other for other, _ in call):
                    yield user, kind, call, count
                    call, count = [], 0
                call.append((target, piece))
                count += standing
        if call:
            yield user, kind, call, count


def send(client, user, kind, targets):
    """Returns whether everything in the call is gone."""
    common = {"instance_id": "bastionhost-cn-peer", "region_id": "cn-hangzhou", "user_id": user}
    if kind == "database":
        entry = models.DetachDatabaseAccountsFromUserRequestDatabases
        entries = [entry(database_id=id, database_account_ids=ids) for id, ids in targets]
        request = models.DetachDatabaseAccountsFromUserRequest(databases=entries, **common)
        body = client.detach_database_accounts_from_user(request).body
    elif kind == "host":
        entries = [{"HostId": id, **({"HostAccountIds": ids} if ids else {})} for id, ids in targets]
        request = models.DetachHostAccountsFromUserRequest(hosts=json.dumps(entries), **common)
        body = client.detach_host_accounts_from_user(request).body
    else:
        entries = [
            {"HostGroupId": id, **({"HostAccountNames": names} if names else {})}
            for id, names in targets
        ]
        request = models.DetachHostGroupAccountsFromUserRequest(
            host_groups=json.dumps(entries), **common
        )
        body = client.detach_host_group_accounts_from_user(request).body
    return all(result.code in GONE for result in body.results)


def main():
    path, address, way = sys.argv[1:4]
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    client = Client(
        Config(
            access_key_id="testid",
            access_key_secret="testsecret",
            endpoint=address,
            protocol="HTTP",
            region_id="cn-hangzhou",
            retry_options=RETRIES if sys.argv[4:] == ["retries"] else None,
        )
    )
    failed = 0
    started = time.monotonic()

    def one(call):
        user, kind, targets, count = call
        try:
            return 0 if send(client, user, kind, targets) else count
        except Exception:
            return count

    calls = list((calls_by_row if way == "row" else calls_grouped)(rows))
    with ThreadPoolExecutor(16) as pool:
        failed = sum(pool.map(one, calls))
    seconds = time.monotonic() - started
    print(f"{len(calls)} calls, {failed} of {len(rows)} rows failed, {seconds:.1f} s")


main()
