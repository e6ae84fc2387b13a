"""Reads and changes the world of the simulated service with the official SDK.

Usage: world.py HOST:PORT WORLD.json

Every read operation is called, page by page, and its typed result is compared with the world
file. Then the writes of an offboarding are undone one by one, until the world is as before.
"""

import json
import sys

from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_yundun_bastionhost20191209 import models

import conformance as base

PAGE_SIZE = 5
check = base.check


class World:
    """The world file, with the lookups that the comparisons need."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.file = json.load(file)

    def __getitem__(self, name):
        return self.file[name]

    def granted(self, grantee, kind):
        """The targets of a kind granted to ("user", id) or ("user_group", id), with accounts."""
        found = {}
        for grant in self.file["grants"]:
            if grant.get(grantee[0]) == grantee[1] and grant.get(kind):
                found.setdefault(grant[kind], set()).update(grant["accounts"])
        return found


class Client:
    def __init__(self, endpoint):
        self.client = base.tea_client(endpoint)
        self.called = set()

    def call(self, operation, **parameters):
        """One request; returns the parsed body."""
        self.called.add(operation)
        request = getattr(models, f"{operation}Request")(
            instance_id=base.INSTANCE, region_id=base.REGION, **parameters
        )
        response = getattr(self.client, base.snake(operation))(request)
        check(response.status_code, 200, operation)
        check(len(response.body.request_id), 36, f"{operation}: request id")
        return response.body

    def pages(self, operation, member, total="total_count", **parameters):
        """All items of a list, page by page, checked against the total."""
        items = []
        for number in range(1, 100):
            paging = {"page_number": str(number), "page_size": str(PAGE_SIZE)}
            body = self.call(operation, **paging, **parameters)
            page = getattr(body, member)
            items += page
            if not page:
                check(len(items), getattr(body, total), f"{operation}: total")
                return items
        raise AssertionError(f"{operation} has no end")

    def refused(self, operation, **parameters):
        try:
            self.call(operation, **parameters)
        except ClientException as refusal:
            return refusal.status_code, refusal.code
        raise AssertionError(f"{operation} was not refused")


def users(client, world):
    def fields(user):
        return (
            user.user_id,
            user.user_name,
            user.display_name,
            user.source,
            user.source_user_id,
            user.user_state,
            user.effective_end_time,
        )

    expected = [
        (
            user["id"],
            user["name"],
            user["display_name"],
            user["source"],
            user["source_user_id"],
            user["states"],
            user["effective_end"],
        )
        for user in world["users"]
    ]
    check([fields(user) for user in client.pages("ListUsers", "users")], expected, "users")
    for user in world["users"]:
        found = client.call("GetUser", user_id=user["id"]).user
        check(found.user_name, user["name"], "GetUser")
        by_name = client.pages("ListUsers", "users", user_name=user["name"], source=user["source"])
        check([found.user_id for found in by_name], [user["id"]], "ListUsers by name and source")
        groups = client.pages("ListUserGroupsForUser", "user_groups", "count", user_id=user["id"])
        expected = [group["id"] for group in world["user_groups"] if user["id"] in group["members"]]
        check([group.user_group_id for group in groups], expected, "groups of a user")
        keys = client.pages("ListUserPublicKeys", "public_keys", user_id=user["id"])
        expected = [key["id"] for key in world["public_keys"] if key["user"] == user["id"]]
        check([key.public_key_id for key in keys], expected, "keys of a user")
    check(client.refused("GetUser", user_id="404"), (404, "UserNotFound"), "an unknown user")
    groups = client.pages("ListUserGroups", "user_groups")
    found = [(group.user_group_id, group.user_group_name, group.member_count) for group in groups]
    expected = [(group["id"], group["name"], len(group["members"])) for group in world["user_groups"]]
    check(found, expected, "user groups")
    for group in world["user_groups"]:
        members = client.pages("ListUsers", "users", user_group_id=group["id"])
        check({user.user_id for user in members}, set(group["members"]), "members of a group")


def assets(client, world):
    hosts = client.pages("ListHosts", "hosts")
    found = [
        (
            host.host_id,
            host.host_name,
            host.host_private_address,
            host.active_address_type,
            host.ostype,
            host.host_account_count,
        )
        for host in hosts
    ]
    expected = [
        (
            host["id"],
            host["name"],
            host["private_address"],
            host["active_address"],
            host["os"],
            len(host["accounts"]),
        )
        for host in world["hosts"]
    ]
    check(found, expected, "hosts")
    for host in world["hosts"]:
        accounts = client.pages("ListHostAccounts", "host_accounts", host_id=host["id"])
        found = [(a.host_account_id, a.host_account_name, a.protocol_name) for a in accounts]
        expected = [(a["id"], a["name"], a["protocol"]) for a in host["accounts"]]
        check(found, expected, "accounts of a host")
    groups = client.pages("ListHostGroups", "host_groups")
    found = [(group.host_group_id, group.host_group_name, group.member_count) for group in groups]
    expected = [(group["id"], group["name"], len(group["hosts"])) for group in world["host_groups"]]
    check(found, expected, "host groups")
    for group in world["host_groups"]:
        hosts = client.pages("ListHosts", "hosts", host_group_id=group["id"])
        check({host.host_id for host in hosts}, set(group["hosts"]), "hosts of a group")
        databases = client.pages("ListDatabases", "databases", host_group_id=group["id"])
        check({d.database_id for d in databases}, set(group["databases"]), "databases of a group")
    databases = client.pages("ListDatabases", "databases")
    found = [(d.database_id, d.database_name, d.database_type, d.database_port) for d in databases]
    expected = [(d["id"], d["name"], d["engine"], d["port"]) for d in world["databases"]]
    check(found, expected, "databases")
    for database in world["databases"]:
        accounts = client.pages(
            "ListDatabaseAccounts", "database_accounts", database_id=database["id"]
        )
        found = [(a.database_account_id, a.database_account_name) for a in accounts]
        expected = [(a["id"], a["name"]) for a in database["accounts"]]
        check(found, expected, "accounts of a database")


def granted(client, world):
    """The six lists of users and the six of user groups."""
    grantees = [("User", "user", user["id"]) for user in world["users"]]
    grantees += [("UserGroup", "user_group", group["id"]) for group in world["user_groups"]]
    for suffix, member, grantee_id in grantees:
        grantee = {f"{member}_id": grantee_id}
        expected = world.granted((member, grantee_id), "host")
        hosts = client.pages(f"ListHostsFor{suffix}", "hosts", **grantee)
        check({host.host_id for host in hosts}, set(expected), f"hosts of {member} {grantee_id}")
        for host in hosts:
            accounts = client.pages(
                f"ListHostAccountsFor{suffix}", "host_accounts", host_id=host.host_id, **grantee
            )
            found = {a.host_account_id for a in accounts if a.is_authorized is True}
            check(found, expected[host.host_id], f"accounts on host {host.host_id}")
        expected = world.granted((member, grantee_id), "host_group")
        groups = client.pages(f"ListHostGroupsFor{suffix}", "host_groups", **grantee)
        check({group.host_group_id for group in groups}, set(expected), "host groups")
        for group in groups:
            body = client.call(
                f"ListHostGroupAccountNamesFor{suffix}",
                host_group_id=group.host_group_id,
                **grantee,
            )
            check(set(body.host_account_names), expected[group.host_group_id], "account names")
        expected = world.granted((member, grantee_id), "database")
        databases = client.pages(f"ListDatabasesFor{suffix}", "databases", **grantee)
        check({d.database_id for d in databases}, set(expected), "databases")
        for database in databases:
            accounts = client.pages(
                f"ListDatabaseAccountsFor{suffix}",
                "database_accounts",
                database_id=database.database_id,
                **grantee,
            )
            found = {a.database_account_id for a in accounts if a.is_authorized is True}
            check(found, expected[database.database_id], f"accounts on {database.database_id}")


def rules(client, world):
    found = [
        (rule.rule_id, rule.rule_name, rule.rule_state, rule.effective_end_time)
        for rule in client.pages("ListRules", "rules")
    ]
    expected = [
        (rule["id"], rule["name"], rule["state"], rule["effective_end"]) for rule in world["rules"]
    ]
    check(found, expected, "rules")
    for rule in world["rules"]:
        found = client.call("GetRule", rule_id=rule["id"]).rule
        check(found.effective_end_time, str(rule["effective_end"]), "a date as text")
        check([user.user_id for user in found.users], rule["users"], "users of a rule")
        groups = [group.user_group_id for group in found.user_groups]
        check(groups, rule["user_groups"], "user groups of a rule")
        hosts = [(h.host_id, [a.host_account_id for a in h.host_accounts]) for h in found.hosts]
        check(hosts, targets(rule["hosts"]), "hosts of a rule")
        host_groups = [(group.host_group_id, group.host_account_names) for group in found.host_groups]
        check(host_groups, targets(rule["host_groups"]), "host groups of a rule")
        databases = [
            (d.database_id, [a.database_account_id for a in d.database_accounts])
            for d in found.databases
        ]
        check(databases, targets(rule["databases"]), "databases of a rule")


def targets(entries):
    return [(entry["id"], entry["accounts"]) for entry in entries]


def instance(client, world, endpoint):
    attribute = client.call("DescribeInstanceAttribute").instance_attribute
    module = {True: "Enable", False: "Disable"}
    check(attribute.instance_id, base.INSTANCE, "instance")
    check(attribute.app_operation_module, module[world["instance"]["app_operation"]], "a module")
    check(attribute.rdmodule, module[world["instance"]["resource_directory"]], "a module")
    projects = client.call("ListProjects").projects
    found = [(project.project_id, project.name, project.is_default) for project in projects]
    expected = [(p["id"], p["name"], p["is_default"]) for p in world["projects"]]
    check(found, expected, "projects")
    request = base.core_request(endpoint, "GetCallerIdentity", {}, "POST", True)
    request.set_version("2015-04-01")
    caller = json.loads(base.core_client(endpoint).do_action_with_exception(request))
    check(caller["UserId"], world["caller"]["user_id"], "the caller")
    check(caller["Arn"], world["caller"]["arn"], "the caller")


def codes(body, member="user_id"):
    return [(getattr(result, member), result.code) for result in body.results]


def people(client):
    """Locks, group members and keys. What can be undone is undone."""
    lock = '["17","31","404"]'
    expected = [("17", "OK"), ("31", base.EXISTS), ("404", "OBJECT_NOT_FOUND")]
    check(codes(client.call("LockUsers", user_ids=lock)), expected, "LockUsers")
    check(client.call("GetUser", user_id="17").user.user_state, ["Frozen"], "a locked user")
    check(codes(client.call("UnlockUsers", user_ids='["17"]')), [("17", "OK")], "UnlockUsers")
    member = {"user_group_id": "3", "user_ids": '["17"]'}
    check(codes(client.call("RemoveUsersFromGroup", **member)), [("17", "OK")], "leaving")
    groups = client.pages("ListUserGroupsForUser", "user_groups", "count", user_id="17")
    check(groups, [], "a user who left the only group")
    check(codes(client.call("AddUsersToGroup", **member)), [("17", "OK")], "joining")
    check(codes(client.call("AddUsersToGroup", **member)), [("17", base.EXISTS)], "joining twice")
    client.call("DeleteUserPublicKey", public_key_id="201")
    absent = client.refused("DeleteUserPublicKey", public_key_id="201")
    check(absent, (404, "OBJECT_NOT_FOUND"), "deleting a key twice")


# Kind, suffix of the grantee, its id, and a target with accounts that it has been granted.
GRANTS = [
    (base.KINDS[0], base.GRANTEES[0], "17", ("1027", ["3058", "3059"])),
    (base.KINDS[1], base.GRANTEES[0], "46", ("15", ["ops user", "deploy"])),
    (base.KINDS[2], base.GRANTEES[0], "31", ("88", ["501", "502"])),
    (base.KINDS[0], base.GRANTEES[1], "3", ("1081", ["3311"])),
    (base.KINDS[1], base.GRANTEES[1], "3", ("15", ["ops"])),
    (base.KINDS[2], base.GRANTEES[1], "4", ("91", ["511"])),
]


def change_grants(client, operation, kind, grantee, grantee_id, target):
    """Sends one detach or attach request; returns {target: (code, {account: code})}."""
    name, parameter, target_id, asked, accounts, account_id, _ = kind
    if name == "Database":
        entry_type = getattr(models, f"{operation}RequestDatabases")
        entries = [entry_type(database_id=target[0], database_account_ids=target[1])]
    else:
        entry = {target_id: target[0]}
        if target[1]:
            entry[asked] = target[1]
        entries = json.dumps([entry])
    own = {base.snake(parameter): entries, base.snake(grantee[1]): grantee_id}
    found = {}
    for result in client.call(operation, **own).results:
        inner = {
            getattr(account, base.snake(account_id)): account.code
            for account in getattr(result, base.snake(accounts)) or []
        }
        found[getattr(result, base.snake(target_id))] = (result.code, inner)
    return found


def attach_and_detach(client):
    for kind, grantee, grantee_id, (target, accounts) in GRANTS:
        detach = f"Detach{kind[0]}AccountsFrom{grantee[0]}"
        attach = f"Attach{kind[0]}AccountsTo{grantee[0]}"
        whole, listed = (target, None), (target, accounts)
        found = change_grants(client, detach, kind, grantee, grantee_id, whole)
        check(found[target][0], "OK", detach)
        ok, exists = ("OK", dict.fromkeys(accounts, "OK")), dict.fromkeys(accounts, base.EXISTS)
        found = change_grants(client, attach, kind, grantee, grantee_id, listed)
        check(found, {target: ok}, attach)
        found = change_grants(client, attach, kind, grantee, grantee_id, listed)
        check(found[target][1], exists, f"{attach} twice")


def main():
    endpoint, path = sys.argv[1:]
    client, world = Client(endpoint), World(path)
    users(client, world)
    assets(client, world)
    granted(client, world)
    rules(client, world)
    instance(client, world, endpoint)
    people(client)
    attach_and_detach(client)
    # What was detached and attached again is listed as before.
    granted(client, world)
    print(f"{len(client.called)} operations, {base.checks} checks held")


if __name__ == "__main__":
    main()
