"""Drives the simulated service with the official SDKs, as any other client of the API would.

Usage: conformance.py HOST:PORT

Today's SDK (Tea) signs with ACS3 and parses answers into models; the older one
(aliyun-python-sdk-core) signs with v1 and returns the body. What both understand of the
service, a client built on them would understand too. Neither retries here, and nothing goes
through a proxy.
"""

import json
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree

from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_yundun_bastionhost20191209 import models
from alibabacloud_yundun_bastionhost20191209.client import Client as TeaClient
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest, RpcRequest

KEY, SECRET = "testid", "testsecret"
INSTANCE, REGION = "bastionhost-cn-test", "cn-hangzhou"
EXISTS = "OBJECT_AlREADY_EXISTS"
# A blank, every character that encodings disagree on, and text that is not ASCII.
HARD_NAME = "r +*~%&=/'\"\\中文"

checks = 0


def check(actual, expected, what):
    global checks
    checks += 1
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} instead of {expected!r}")


# Kind, parameter, id, accounts asked, accounts answered, account answered, accounts to use.
KINDS = [
    ("Host", "Hosts", "HostId", "HostAccountIds", "HostAccounts", "HostAccountId", ["7", "8"]),
    (
        "HostGroup",
        "HostGroups",
        "HostGroupId",
        "HostAccountNames",
        "HostAccountNames",
        "HostAccountName",
        ["root", HARD_NAME],
    ),
    (
        "Database",
        "Databases",
        "DatabaseId",
        "DatabaseAccountIds",
        "DatabaseAccounts",
        "DatabaseAccountId",
        ["17", "18"],
    ),
]
GRANTEES = [("User", "UserId"), ("UserGroup", "UserGroupId")]


def snake(name):
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def tea_client(endpoint, secret=SECRET, token=None):
    config = Config(
        access_key_id=KEY,
        access_key_secret=secret,
        security_token=token,
        endpoint=endpoint,
        protocol="HTTP",
        region_id=REGION,
        retry_options=None,
    )
    return TeaClient(config)


def tea_revoke(client, kind, grantee, targets):
    """Sends targets, a list of ids or (id, accounts), and returns the parsed body."""
    name, parameter, target_id, asked = kind[:4]
    action = f"Detach{name}AccountsFrom{grantee[0]}"
    if name == "Database":
        entry_type = getattr(models, f"{action}RequestDatabases")
        entries = [
            entry_type(database_id=target, database_account_ids=accounts)
            for target, accounts in targets
        ]
    else:
        entries = [{target_id: target} for target, _ in targets]
        for entry, (_, accounts) in zip(entries, targets):
            if accounts is not None:
                entry[asked] = accounts
        entries = json.dumps(entries, ensure_ascii=False)
    request = getattr(models, f"{action}Request")(
        instance_id=INSTANCE,
        region_id=REGION,
        **{snake(parameter): entries, snake(grantee[1]): "u-1"},
    )
    response = getattr(client, snake(action))(request)
    check(response.status_code, 200, action)
    return response.body


def tea_codes(body, kind, grantee):
    """The parsed answer as {target: (code, {account: code})}."""
    _, _, target_id, _, accounts, account_id, _ = kind
    check(len(body.request_id), 36, "request id")
    found = {}
    for result in body.results:
        check(getattr(result, snake(grantee[1])), "u-1", "grantee")
        inner = {
            getattr(account, snake(account_id)): account.code
            for account in getattr(result, snake(accounts)) or []
        }
        found[getattr(result, snake(target_id))] = (result.code, inner)
    return found


def core_client(endpoint, secret=SECRET):
    port = int(endpoint.rsplit(":", 1)[1])
    return AcsClient(KEY, secret, REGION, auto_retry=False, port=port)


def core_request(endpoint, action, parameters, method, in_body):
    request = CommonRequest(
        domain=endpoint.rsplit(":", 1)[0], version="2019-12-09", action_name=action
    )
    request.set_protocol_type("http")
    request.set_method(method)
    for name, value in parameters.items():
        if in_body:
            request.add_body_params(name, value)
        else:
            request.add_query_param(name, value)
    return request


def core_parameters(kind, grantee, targets):
    name, parameter, target_id, asked = kind[:4]
    parameters = {"InstanceId": INSTANCE, "RegionId": REGION, grantee[1]: "u-2"}
    if name == "Database":
        for at, (target, accounts) in enumerate(targets, 1):
            parameters[f"Databases.{at}.DatabaseId"] = target
            for place, account in enumerate(accounts or [], 1):
                parameters[f"Databases.{at}.DatabaseAccountIds.{place}"] = account
    else:
        entries = []
        for target, accounts in targets:
            entry = {target_id: target}
            if accounts is not None:
                entry[asked] = accounts
            entries.append(entry)
        parameters[parameter] = json.dumps(entries)
    return parameters


def core_codes(body, kind):
    _, _, target_id, _, accounts, account_id, _ = kind
    found = {}
    for result in json.loads(body)["Results"]:
        inner = {account[account_id]: account["Code"] for account in result[accounts]}
        found[result[target_id]] = (result["Code"], inner)
    return found


def expectations(kind):
    """What is sent one after the other, and what has to come back."""
    first, second = kind[-1]
    return [
        ([("1", [first]), ("2", None)], {"1": ("OK", {first: "OK"}), "2": ("OK", {})}),
        (
            [("1", [first, second]), ("2", None)],
            {"1": ("OK", {first: EXISTS, second: "OK"}), "2": (EXISTS, {})},
        ),
        ([("1", None)], {"1": ("OK", {})}),
        ([("1", [second])], {"1": ("OK", {second: EXISTS})}),
    ]


def tea(endpoint):
    """All six operations of today's SDK; returns how many requests were taken."""
    taken = 0
    client = tea_client(endpoint)
    for kind in KINDS:
        for grantee in GRANTEES:
            for targets, expected in expectations(kind):
                found = tea_codes(tea_revoke(client, kind, grantee, targets), kind, grantee)
                check(found, expected, f"Tea {kind[0]} {grantee[0]} {targets}")
                taken += 1
    full = [(f"full-{target}", [str(account) for account in range(10)]) for target in range(10)]
    for kind in KINDS:
        found = tea_codes(tea_revoke(client, kind, GRANTEES[0], full), kind, GRANTEES[0])
        check(len(found), 10, "targets of a full request")
        codes = {code for _, inner in found.values() for code in inner.values()}
        check(codes, {"OK"}, "accounts of a full request")
        taken += 1
    with_token = tea_client(endpoint, token="token")
    found = tea_codes(
        tea_revoke(with_token, KINDS[0], GRANTEES[0], [("t", None)]), KINDS[0], GRANTEES[0]
    )
    check(found, {"t": ("OK", {})}, "with a security token")
    return taken + 1


def tea_refusals(endpoint):
    def refused(client, targets):
        try:
            tea_revoke(client, KINDS[0], GRANTEES[0], targets)
        except ClientException as refusal:
            return refusal.status_code, refusal.code, refusal.message
        raise AssertionError("was not refused")

    status, code, message = refused(tea_client(endpoint, "wrong"), [("9", None)])
    check((status, code), (400, "SignatureDoesNotMatch"), "Tea with a wrong secret")
    check("server string to sign is:ACS3-HMAC-SHA256\n" in message, True, message)
    eleven = [(str(target), None) for target in range(11)]
    status, code, _ = refused(tea_client(endpoint), eleven)
    check((status, code), (400, "InvalidParameter"), "Tea with eleven hosts")


def core(endpoint):
    """All six operations of the older SDK; returns how many requests were taken."""
    taken = 0
    client = core_client(endpoint)
    ways = [("GET", False), ("POST", False), ("POST", True)]
    for kind in KINDS:
        for grantee in GRANTEES:
            action = f"Detach{kind[0]}AccountsFrom{grantee[0]}"
            for at, (targets, expected) in enumerate(expectations(kind)):
                method, in_body = ways[at % len(ways)]
                parameters = core_parameters(kind, grantee, targets)
                request = core_request(endpoint, action, parameters, method, in_body)
                found = core_codes(client.do_action_with_exception(request), kind)
                check(found, expected, f"core {kind[0]} {grantee[0]} {method} {targets}")
                taken += 1
    action = "DetachHostAccountsFromUser"
    parameters = core_parameters(KINDS[0], GRANTEES[0], [("x", ["1", "2"]), ("y", None)])
    request = core_request(endpoint, action, parameters, "POST", True)
    request.set_accept_format("XML")
    status, _, body, _ = client._implementation_of_do_action(request)
    check(status, 200, "XML")
    root = ElementTree.fromstring(body)
    check(root.tag, f"{action}Response", "root of the XML")
    codes = [(result.findtext("HostId"), result.findtext("Code")) for result in root.iter("Results")]
    check(codes, [("x", "OK"), ("y", "OK")], "targets in XML")
    codes = [account.findtext("Code") for account in root.iter("HostAccounts")]
    check(codes, ["OK", "OK"], "accounts in XML")
    return taken + 1


def core_refusals(endpoint):
    def refused(client, action, parameters):
        return outcome(client, core_request(endpoint, action, parameters, "POST", True))

    def outcome(client, request):
        try:
            client.do_action_with_exception(request)
        except ServerException as refusal:
            return refusal.get_http_status(), refusal.get_error_code()
        raise AssertionError("was not refused")

    action = "DetachHostAccountsFromUser"
    parameters = core_parameters(KINDS[0], GRANTEES[0], [("9", None)])
    mismatch = (400, "SignatureDoesNotMatch")
    check(refused(core_client(endpoint, "wrong"), action, parameters), mismatch, "wrong secret")
    # From a request of this type the SDK takes the string that it signed, finds it again in the
    # message of the service, and concludes that only the secret can be wrong.
    request = RpcRequest("Yundun-bastionhost", "2019-12-09", action)
    request.endpoint = endpoint.rsplit(":", 1)[0]
    request.set_protocol_type("http")
    for name, value in parameters.items():
        request.add_query_param(name, value)
    concluded = (400, "InvalidAccessKeySecret")
    check(outcome(core_client(endpoint, "wrong"), request), concluded, "string to sign")
    client = core_client(endpoint)
    unknown = (404, "InvalidAction.NotFound")
    check(refused(client, "DetachEverything", parameters), unknown, "unknown action")
    del parameters["InstanceId"]
    check(refused(client, action, parameters), (400, "MissingInstanceId"), "no instance")
    twice = core_parameters(KINDS[0], GRANTEES[0], [("9", None), ("9", None)])
    check(refused(client, action, twice), (400, "InvalidParameter"), "a host twice")


def audit(endpoint, taken_by_tea, taken_by_core):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{endpoint}/audit") as response:
        seen = json.load(response)
    applied = [attempt for attempt in seen["asked"] if attempt["applied"]]
    kinds = [attempt["signature"] for attempt in applied]
    check(kinds.count("acs3"), taken_by_tea, "audited requests of Tea")
    check(kinds.count("v1"), taken_by_core, "audited requests of core")
    check({grant["removed"] for grant in seen["removed"]}, {1}, "every grant went once")
    check({attempt["region"] for attempt in applied}, {REGION}, "region")
    names = {grant["account"] for grant in seen["removed"] if grant["kind"] == "host-group"}
    check(HARD_NAME in names, True, "a hard name arrives as it was sent")
    check(any(grant["target"] == "9" for grant in seen["removed"]), False, "refused is not applied")
    expected = {"bad_signatures": 3, "limits": 1, "duplicates": 1, "missing_parameters": 1}
    expected["malformed"] = 1
    broken = {rule: count for rule, count in seen["violations"].items() if count}
    check(broken, expected, "rules broken")


def main():
    (endpoint,) = sys.argv[1:]
    taken_by_tea, taken_by_core = tea(endpoint), core(endpoint)
    tea_refusals(endpoint)
    core_refusals(endpoint)
    audit(endpoint, taken_by_tea, taken_by_core)
    print(f"{checks} checks held")


if __name__ == "__main__":
    main()
