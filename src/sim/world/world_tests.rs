//! The sample world and small ones, read and changed through the service.

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Behaviour, World, WorldError, WorldFile};
use crate::sim::testing::{now, v1, v1_pairs};
use crate::sim::{Faults, Service, Settings, Violations};

/// A service with a world, and the time of its client.
struct Bench {
    service: Service,
    sent: u32,
    now: Timestamp,
}

impl Bench {
    fn new(world: World) -> Self {
        let settings = Settings { world: Some(world), ..Settings::default() };
        Self { service: Service::new(settings), sent: 0, now: now() }
    }

    fn sample() -> Self {
        Self::new(World::sample())
    }

    /// The sample world with other switches.
    fn with(change: impl FnOnce(&mut Behaviour)) -> Self {
        let mut file = sample_file();
        change(&mut file.behaviour);
        Self::new(World::new(file).unwrap())
    }

    /// The HTTP status and the body of the answer.
    fn send(&mut self, action: &str, own: &[(&str, &str)]) -> (u16, Value) {
        self.sent += 1;
        let mut pairs = vec![("InstanceId", "i-1")];
        pairs.extend_from_slice(own);
        let nonce = format!("n-{}", self.sent);
        let mut pairs = v1_pairs(action, &nonce, &pairs);
        let time = crate::clock::utc_seconds(self.now);
        pairs
            .iter_mut()
            .filter(|pair| pair.0 == "Timestamp")
            .for_each(|pair| pair.1 = time.clone());
        let reply = self.service.handle(self.now, &v1(&pairs));
        let answer = reply.answer().expect("an answer");
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).expect("JSON"))
    }

    fn ok(&mut self, action: &str, own: &[(&str, &str)]) -> Value {
        let (status, body) = self.send(action, own);
        assert_eq!(status, 200, "{action}: {body}");
        body
    }

    /// The values of one member of every item.
    fn values(
        &mut self,
        action: &str,
        list: &str,
        member: &str,
        own: &[(&str, &str)],
    ) -> Vec<Value> {
        let body = self.ok(action, own);
        body[list].as_array().unwrap().iter().map(|item| item[member].clone()).collect()
    }

    fn refused(&mut self, action: &str, own: &[(&str, &str)]) -> (u16, String) {
        let (status, body) = self.send(action, own);
        (status, body["Code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
    }

    fn violations(&self) -> Violations {
        self.service.audit().violations
    }
}

fn sample_file() -> WorldFile {
    WorldFile::parse(include_str!("../../../samples/world.toml")).unwrap()
}

const LINA: (&str, &str) = ("UserId", "17");

#[test]
fn the_sample_has_three_users_of_one_name_and_finds_each_by_its_source() {
    let mut bench = Bench::sample();
    let li_wei = ("UserName", "li.wei");
    let ids = bench.values("ListUsers", "Users", "UserId", &[li_wei]);
    assert_eq!(ids, ["61", "62", "63"]);
    let ids = bench.values("ListUsers", "Users", "UserId", &[li_wei, ("Source", "AD")]);
    assert_eq!(ids, ["62"]);
    let ids = bench.values("ListUsers", "Users", "UserId", &[("UserState", "Frozen")]);
    assert_eq!(ids, ["31"]);
    let ids = bench.values("ListUsers", "Users", "UserId", &[("UserGroupId", "3")]);
    assert_eq!(ids, ["17", "23", "58"]);
    assert_eq!(bench.ok("ListUsers", &[("UserName", "LI.WEI")])["TotalCount"], 0, "exact only");
}

#[test]
fn a_user_is_read_by_id_and_an_unknown_one_is_404() {
    let mut bench = Bench::sample();
    let user = &bench.ok("GetUser", &[LINA])["User"];
    assert_eq!((&user["UserName"], &user["UserState"]), (&json!("lina@corp"), &json!(["Normal"])));
    let unknown = bench.refused("GetUser", &[("UserId", "404")]);
    assert_eq!(unknown, (404, "UserNotFound".to_owned()));
    let hosts = bench.ok("ListHostsForUser", &[("UserId", "404")]);
    assert_eq!((&hosts["TotalCount"], &hosts["Hosts"]), (&json!(0), &json!([])));
}

#[test]
fn assets_are_listed_by_exact_filters() {
    let mut bench = Bench::sample();
    let hosts = |bench: &mut Bench, filter| bench.values("ListHosts", "Hosts", "HostId", &[filter]);
    assert_eq!(hosts(&mut bench, ("HostName", "cache-01")), ["1070", "1071"]);
    assert_eq!(hosts(&mut bench, ("HostAddress", "198.51.100.44")), ["1044"], "the active one");
    assert!(hosts(&mut bench, ("HostAddress", "192.0.2.44")).is_empty());
    assert_eq!(hosts(&mut bench, ("HostGroupId", "12")), ["1027", "1029"]);
    let host = [("HostId", "1061")];
    let accounts = bench.values("ListHostAccounts", "HostAccounts", "ProtocolName", &host);
    assert_eq!(accounts, ["RDP", "SSH"]);
    let group = [("HostGroupName", "build")];
    assert_eq!(bench.values("ListHostGroups", "HostGroups", "HostGroupId", &group), ["15"]);
    let in_group = [("HostGroupId", "15")];
    assert_eq!(bench.values("ListDatabases", "Databases", "DatabaseId", &in_group), ["97"]);
    let accounts = bench.ok("ListDatabaseAccounts", &[]);
    assert_eq!(accounts["TotalCount"], 5, "without DatabaseId those of all databases");
}

#[test]
fn direct_grants_are_listed_with_the_accounts_that_are_not_granted() {
    let mut bench = Bench::sample();
    let hosts = bench.values("ListHostsForUser", "Hosts", "HostId", &[LINA]);
    assert_eq!(hosts, ["1027", "1031", "1044"]);
    let body = bench.ok("ListHostAccountsForUser", &[("UserId", "23"), ("HostId", "1027")]);
    let accounts = body["HostAccounts"].as_array().unwrap();
    let flags: Vec<_> =
        accounts.iter().map(|a| (&a["HostAccountId"], &a["IsAuthorized"])).collect();
    assert_eq!(flags, [(&json!("3058"), &json!(true)), (&json!("3059"), &json!(false))]);
    let names = [("UserId", "46"), ("HostGroupId", "15")];
    let names = bench.ok("ListHostGroupAccountNamesForUser", &names);
    assert_eq!(names["HostAccountNames"], json!(["deploy", "ops user"]));
    let group = [("UserGroupId", "4")];
    let databases = bench.values("ListDatabasesForUserGroup", "Databases", "DatabaseId", &group);
    assert_eq!(databases, ["91"]);
    let unauthorized = [LINA, ("Mode", "Unauthorized")];
    assert_eq!(bench.ok("ListHostsForUser", &unauthorized)["TotalCount"], 9);
}

#[test]
fn groups_rules_keys_and_the_instance_are_read() {
    let mut bench = Bench::sample();
    let paging = [LINA, ("PageNumber", "1"), ("PageSize", "100")];
    let groups = bench.ok("ListUserGroupsForUser", &paging);
    assert_eq!((&groups["Count"], groups.get("TotalCount")), (&json!(1), None));
    assert_eq!(groups["UserGroups"][0]["ProjectName"], "default");
    let missing = bench.refused("ListUserGroupsForUser", &[LINA]);
    assert_eq!(missing.1, "MissingPageNumber");
    let rules = bench.ok("ListRules", &[("RuleState", "Disabled")]);
    assert_eq!(rules["Rules"][0]["EffectiveEndTime"], 1_735_689_600);
    let rule = &bench.ok("GetRule", &[("RuleId", "9")])["Rule"];
    assert_eq!((&rule["EffectiveEndTime"], rule.get("RuleState")), (&json!("1735689600"), None));
    assert_eq!(rule["HostGroups"][0]["HostAccountNames"], json!(["administrator"]));
    assert_eq!(bench.refused("GetRule", &[("RuleId", "1")]), (404, "RuleNotFound".to_owned()));
    let keys = bench.values("ListUserPublicKeys", "PublicKeys", "PublicKeyId", &[LINA]);
    assert_eq!(keys, ["201"]);
    let attribute = &bench.ok("DescribeInstanceAttribute", &[])["InstanceAttribute"];
    assert_eq!(
        (&attribute["AppOperationModule"], &attribute["InstanceId"]),
        (&json!("Enable"), &json!("i-1"))
    );
    assert_eq!(bench.ok("ListProjects", &[])["Projects"][0]["ProjectId"], 1);
}

#[test]
fn the_caller_is_read_from_sts_with_its_own_version() {
    let mut bench = Bench::sample();
    let mut pairs = v1_pairs("GetCallerIdentity", "n", &[]);
    let wrong = bench.service.handle(now(), &v1(&pairs));
    let wrong: Value = serde_json::from_slice(&wrong.answer().unwrap().body).unwrap();
    assert_eq!(wrong["Code"], "InvalidVersion");
    pairs
        .iter_mut()
        .filter(|pair| pair.0 == "Version")
        .for_each(|pair| "2015-04-01".clone_into(&mut pair.1));
    let reply = bench.service.handle(now(), &v1(&pairs));
    let body: Value = serde_json::from_slice(&reply.answer().unwrap().body).unwrap();
    assert_eq!(body["UserId"], "200000000000000900");
}

#[test]
fn a_list_comes_in_pages_of_at_most_a_hundred() {
    let mut bench = Bench::sample();
    let page = |number| [("PageNumber", number), ("PageSize", "5")];
    let ids =
        |bench: &mut Bench, number| bench.values("ListHosts", "Hosts", "HostId", &page(number));
    assert_eq!(ids(&mut bench, "1").len(), 5);
    assert_eq!(ids(&mut bench, "3"), ["1081", "1082"]);
    assert!(ids(&mut bench, "4").is_empty());
    let invalid = (400, "InvalidParameter".to_owned());
    assert_eq!(bench.refused("ListHosts", &[("PageSize", "101")]), invalid);
    assert_eq!(bench.refused("ListHosts", &[("PageNumber", "0")]), invalid);
    assert_eq!(bench.refused("ListHosts", &[("HostNmae", "web-01")]), invalid);
    assert_eq!(bench.refused("ListHosts", &[("HostId", "1027")]), invalid, "no such filter");
    let violations = bench.violations();
    assert_eq!((violations.limits, violations.malformed), (1, 3));
}

#[test]
fn detach_changes_what_the_lists_show() {
    let mut bench = Bench::sample();
    let accounts = r#"[{"HostId":"1027","HostAccountIds":["3058"]},{"HostId":"1044"}]"#;
    let body = bench.ok("DetachHostAccountsFromUser", &[LINA, ("Hosts", accounts)]);
    assert_eq!(body["Results"][0]["HostAccounts"][0]["Code"], "OK");
    let hosts = bench.values("ListHostsForUser", "Hosts", "HostId", &[LINA]);
    assert_eq!(hosts, ["1027", "1031"], "accounts leave the target");
    let host = [LINA, ("HostId", "1027")];
    let flags = bench.values("ListHostAccountsForUser", "HostAccounts", "IsAuthorized", &host);
    assert_eq!(flags, [false, true]);
    let unknown = r#"[{"HostId":"1027","HostAccountIds":["1"]},{"HostId":"9"}]"#;
    let body = bench.ok("DetachHostAccountsFromUser", &[LINA, ("Hosts", unknown)]);
    assert_eq!(body["Results"][0]["HostAccounts"][0]["Code"], "OBJECT_NOT_FOUND");
    assert_eq!(body["Results"][1]["Code"], "OBJECT_NOT_FOUND");
}

#[test]
fn attach_restores_what_detach_removed() {
    let mut bench = Bench::sample();
    let before = bench.service.world().unwrap().grants().records().filter(|g| g.held).count();
    for (detach, attach, name, targets) in [
        (
            "DetachHostAccountsFromUser",
            "AttachHostAccountsToUser",
            "Hosts",
            r#"[{"HostId":"1027","HostAccountIds":["3058","3059"]}]"#,
        ),
        (
            "DetachHostGroupAccountsFromUser",
            "AttachHostGroupAccountsToUser",
            "HostGroups",
            r#"[{"HostGroupId":"12"}]"#,
        ),
    ] {
        bench.ok(detach, &[LINA, (name, targets)]);
        let body = bench.ok(attach, &[LINA, (name, targets)]);
        assert_eq!(body["Results"][0]["Code"], "OK", "{attach}");
        let again = bench.ok(attach, &[LINA, (name, targets)]);
        assert!(again.to_string().contains("OBJECT_AlREADY_EXISTS"), "{again}");
    }
    let group = r#"[{"HostGroupId":"12","HostAccountNames":["ops"]}]"#;
    bench.ok("AttachHostGroupAccountsToUser", &[LINA, ("HostGroups", group)]);
    let after = bench.service.world().unwrap().grants().records().filter(|g| g.held).count();
    assert_eq!(after, before);
    let database =
        [LINA, ("Databases.1.DatabaseId", "98"), ("Databases.1.DatabaseAccountIds.1", "534")];
    bench.ok("AttachDatabaseAccountsToUser", &database);
    let databases = bench.values("ListDatabasesForUser", "Databases", "DatabaseId", &[LINA]);
    assert_eq!(databases, ["88", "98"], "an account brings its target");
}

#[test]
fn attaching_hosts_to_a_user_takes_nine_accounts_and_to_a_group_ten() {
    let mut bench = Bench::sample();
    let hosts = |count: u32| {
        let ids: Vec<_> = (0..count).map(|id| id.to_string()).collect();
        json!([{"HostId": "1027", "HostAccountIds": ids}]).to_string()
    };
    bench.ok("AttachHostAccountsToUser", &[LINA, ("Hosts", &hosts(9))]);
    let refused = bench.refused("AttachHostAccountsToUser", &[LINA, ("Hosts", &hosts(10))]);
    assert_eq!(refused, (400, "InvalidParameter".to_owned()));
    let group = ("UserGroupId", "3");
    bench.ok("AttachHostAccountsToUserGroup", &[group, ("Hosts", &hosts(10))]);
    assert_eq!(bench.violations().limits, 1);
}

#[test]
fn a_lock_is_shown_and_a_second_one_exists_already() {
    let mut bench = Bench::sample();
    let users = ("UserIds", r#"["17","31","404"]"#);
    let codes = bench.values("LockUsers", "Results", "Code", &[users]);
    assert_eq!(codes, ["OK", "OBJECT_AlREADY_EXISTS", "OBJECT_NOT_FOUND"]);
    assert_eq!(bench.ok("GetUser", &[LINA])["User"]["UserState"], json!(["Frozen"]));
    let codes = bench.values("UnlockUsers", "Results", "Code", &[("UserIds", r#"["17"]"#)]);
    assert_eq!(codes, ["OK"]);
    assert_eq!(bench.ok("GetUser", &[LINA])["User"]["UserState"], json!(["Normal"]));
    let audit = bench.service.audit();
    assert_eq!((audit.counts.writes, audit.counts.reads), (2, 2));
    assert_eq!(audit.operations["LockUsers"].attempts, 1);
    assert_eq!(audit.asked[0].parameters["UserIds"], r#"["17","31","404"]"#);
}

#[test]
fn user_ids_are_at_most_a_hundred_different_strings() {
    let mut bench = Bench::sample();
    let many: Vec<_> = (0..101).map(|id| id.to_string()).collect();
    let many = json!(many).to_string();
    for ids in [many.as_str(), "[]", "[17]", "17", r#"["17","17"]"#, r#"[""]"#] {
        let refused = bench.refused("LockUsers", &[("UserIds", ids)]);
        assert_eq!(refused, (400, "InvalidParameter".to_owned()), "{ids}");
    }
    let violations = bench.violations();
    assert_eq!((violations.limits, violations.empty_lists, violations.duplicates), (1, 1, 1));
    assert_eq!(violations.malformed, 3);
    assert_eq!(bench.service.audit().counts.writes, 0);
}

#[test]
fn members_leave_a_group_and_come_back() {
    let mut bench = Bench::sample();
    let group = [("UserGroupId", "3"), ("UserIds", r#"["17","31"]"#)];
    let codes = bench.values("RemoveUsersFromGroup", "Results", "Code", &group);
    assert_eq!(codes, ["OK", "OBJECT_NOT_FOUND"]);
    let members = bench.values("ListUsers", "Users", "UserId", &[("UserGroupId", "3")]);
    assert_eq!(members, ["23", "58"]);
    let group = [("UserGroupId", "3"), ("UserIds", r#"["17","23"]"#)];
    let codes = bench.values("AddUsersToGroup", "Results", "Code", &group);
    assert_eq!(codes, ["OK", "OBJECT_AlREADY_EXISTS"]);
}

#[test]
fn a_key_is_deleted_once() {
    let mut bench = Bench::sample();
    let key = [("PublicKeyId", "201")];
    bench.ok("DeleteUserPublicKey", &key);
    assert!(bench.values("ListUserPublicKeys", "PublicKeys", "PublicKeyId", &[LINA]).is_empty());
    assert_eq!(bench.refused("DeleteUserPublicKey", &key), (404, "OBJECT_NOT_FOUND".to_owned()));
}

#[test]
fn faults_and_the_quota_apply_to_reads() {
    let mut bench = Bench::sample();
    let faults = ["numeric-ids=1", "object-for-one=1"].map(|rate| rate.parse().unwrap());
    bench.service = Service::new(Settings {
        world: Some(World::sample()),
        faults: Faults::new(faults),
        quota: NonZeroU32::new(1),
        ..Settings::default()
    });
    let body = bench.ok("ListUserPublicKeys", &[LINA]);
    assert_eq!(body["PublicKeys"]["PublicKeyId"], 201, "a number, and no list");
    let refused = bench.refused("ListUserPublicKeys", &[LINA]);
    assert_eq!(refused, (400, "Throttling.User".to_owned()));
    bench.ok("ListRules", &[]);
    let audit = bench.service.audit();
    assert_eq!((audit.counts.reads, audit.violations.over_quota), (2, 1));
    assert_eq!(audit.faults["numeric-ids"], 2);
}

#[test]
fn items_of_a_lock_can_fail_or_be_left_out() {
    let mut bench = Bench::sample();
    let mut lock = |fault: &str| {
        bench.service = Service::new(Settings {
            world: Some(World::sample()),
            faults: Faults::new([fault.parse().unwrap()]),
            ..Settings::default()
        });
        let body = bench.ok("LockUsers", &[("UserIds", r#"["17"]"#)]);
        let states = bench.service.world().unwrap().users()[0].states.clone();
        (body["Results"].clone(), states)
    };
    let (results, states) = lock("unexpected-items=1");
    assert_eq!((&results[0]["Code"], states[0].as_str()), (&json!("UNEXPECTED"), "Normal"));
    let (results, states) = lock("missing-items=1");
    assert_eq!((results, states[0].as_str()), (json!([]), "Frozen"));
}

#[test]
fn a_list_in_xml_repeats_its_element() {
    let mut bench = Bench::sample();
    let own = [("InstanceId", "i-1"), ("UserId", "46"), ("HostGroupId", "15")];
    let mut pairs = v1_pairs("ListHostGroupAccountNamesForUser", "n", &own);
    pairs
        .iter_mut()
        .filter(|pair| pair.0 == "Format")
        .for_each(|pair| "XML".clone_into(&mut pair.1));
    let reply = bench.service.handle(now(), &v1(&pairs));
    let text = String::from_utf8(reply.answer().unwrap().body.to_vec()).unwrap();
    let names =
        "<HostAccountNames>deploy</HostAccountNames><HostAccountNames>ops user</HostAccountNames>";
    assert!(text.contains(names), "{text}");
}

#[test]
fn without_a_world_reads_are_refused_with_what_to_do() {
    let mut bench = Bench::sample();
    bench.service = Service::new(Settings::default());
    let (status, body) = bench.send("ListUsers", &[]);
    assert_eq!((status, &body["Code"]), (400, &json!("InvalidParameter")));
    assert!(body["Message"].as_str().unwrap().contains("--world FILE"));
    assert_eq!(bench.violations(), Violations::default());
}

#[test]
fn the_server_caps_pages_without_saying_so() {
    let mut bench = Bench::with(|behaviour| behaviour.page_size_cap = Some(5));
    let page = [("PageNumber", "3"), ("PageSize", "100")];
    assert_eq!(bench.values("ListHosts", "Hosts", "HostId", &page), ["1081", "1082"]);
}

#[test]
fn inherited_grants_appear_in_the_lists_of_users_only_if_switched_on() {
    let mut bench = Bench::with(|behaviour| behaviour.inherited_grants = true);
    let hosts = bench.values("ListHostsForUser", "Hosts", "HostId", &[LINA]);
    assert_eq!(hosts, ["1027", "1031", "1044", "1080", "1081"], "by rule and by group");
    let databases = bench.values("ListDatabasesForUser", "Databases", "DatabaseId", &[LINA]);
    assert_eq!(databases, ["88", "91"], "by a rule that names the group");
    let host = [LINA, ("HostId", "1081")];
    let flags = bench.values("ListHostAccountsForUser", "HostAccounts", "IsAuthorized", &host);
    assert_eq!(flags, [true, false]);
    let wang = [("UserId", "23")];
    let groups = bench.values("ListHostGroupsForUser", "HostGroups", "HostGroupId", &wang);
    assert_eq!(groups, ["12", "15"], "a disabled rule gives nothing");
}

#[test]
fn numbers_and_booleans_come_as_text_and_ids_with_blanks() {
    let mut bench = Bench::with(|behaviour| {
        behaviour.is_authorized_text = true;
        behaviour.total_count_text = true;
        behaviour.total_count_offset = 1;
        behaviour.trailing_blanks = true;
    });
    let body = bench.ok("ListHostAccountsForUser", &[LINA, ("HostId", "1027")]);
    assert_eq!(body["TotalCount"], "3", "one too many");
    let account = &body["HostAccounts"][0];
    assert_eq!(
        (&account["IsAuthorized"], &account["HostAccountId"]),
        (&json!("true"), &json!("3058 "))
    );
}

#[test]
fn operations_are_missing_or_denied_one_by_one() {
    let mut bench = Bench::with(|behaviour| {
        behaviour.missing_operations = vec!["ListUserGroupsForUser".to_owned()];
        behaviour.denied_operations = vec!["ListRules".to_owned()];
    });
    let missing = bench.refused("ListUserGroupsForUser", &[LINA]);
    assert_eq!(missing, (404, "InvalidApi.NotFound".to_owned()));
    assert_eq!(bench.refused("ListRules", &[]), (403, "NoPermission".to_owned()));
    bench.ok("GetRule", &[("RuleId", "7")]);
    assert_eq!(bench.violations(), Violations::default());
}

#[test]
fn reads_see_a_write_after_the_lag() {
    let mut bench = Bench::with(|behaviour| behaviour.read_lag_ms = 500);
    bench.ok("DetachHostAccountsFromUser", &[LINA, ("Hosts", r#"[{"HostId":"1044"}]"#)]);
    let count = |bench: &mut Bench| bench.ok("ListHostsForUser", &[LINA])["TotalCount"].clone();
    assert_eq!(count(&mut bench), 3);
    bench.now += SignedDuration::from_millis(300);
    bench.ok("DetachHostAccountsFromUser", &[LINA, ("Hosts", r#"[{"HostId":"1031"}]"#)]);
    assert_eq!(count(&mut bench), 3);
    bench.now += SignedDuration::from_millis(200);
    assert_eq!(count(&mut bench), 2, "the first write, not the second");
    bench.now += SignedDuration::from_millis(300);
    assert_eq!(count(&mut bench), 1);
}

#[test]
fn reads_see_a_write_after_a_number_of_reads() {
    let mut bench = Bench::with(|behaviour| behaviour.read_lag_reads = 2);
    bench.ok("DetachHostAccountsFromUser", &[LINA, ("Hosts", r#"[{"HostId":"1044"}]"#)]);
    let count = |bench: &mut Bench| bench.ok("ListHostsForUser", &[LINA])["TotalCount"].clone();
    assert_eq!([(); 3].map(|()| count(&mut bench)), [3, 3, 2]);
}

#[test]
fn a_page_is_missing_as_often_as_the_world_says() {
    let empty = r#"[{"operation": "ListHosts", "page": 2, "times": 1}]"#;
    let mut bench =
        Bench::with(|behaviour| behaviour.empty_pages = serde_json::from_str(empty).unwrap());
    let page = [("PageNumber", "2"), ("PageSize", "5")];
    let body = bench.ok("ListHosts", &page);
    assert_eq!((&body["Hosts"], &body["TotalCount"]), (&json!([]), &json!(12)));
    assert_eq!(bench.values("ListHosts", "Hosts", "HostId", &page).len(), 5);
}

#[test]
fn items_change_between_pages_once() {
    let changes = r#"[
        {"operation": "ListHosts", "after_page": 1, "remove_host": "1027",
         "add_host": {"id": "1999", "name": "new-01"}},
        {"operation": "ListUsers", "after_page": 1, "remove_user": "61",
         "detach": {"user": "17", "host": "1044"}}
    ]"#;
    let mut bench =
        Bench::with(|behaviour| behaviour.changes = serde_json::from_str(changes).unwrap());
    let page = |number| [("PageNumber", number), ("PageSize", "6")];
    let first = bench.values("ListHosts", "Hosts", "HostId", &page("1"));
    let second = bench.values("ListHosts", "Hosts", "HostId", &page("2"));
    assert_eq!(first.len() + second.len(), 12);
    assert!(second.contains(&json!("1999")) && !second.contains(&json!("1062")), "skipped");
    bench.ok("ListUsers", &[]);
    assert_eq!(bench.refused("GetUser", &[("UserId", "61")]).0, 404);
    let hosts = bench.values("ListHostsForUser", "Hosts", "HostId", &[LINA]);
    assert_eq!(hosts, ["1031"], "gone with its host, and detached");
}

#[test]
fn a_grant_comes_back_once_after_it_was_removed() {
    let regrants =
        r#"[{"grant": {"user": "17", "host": "1044", "accounts": ["3150"]}, "after_reads": 1}]"#;
    let mut bench =
        Bench::with(|behaviour| behaviour.regrants = serde_json::from_str(regrants).unwrap());
    let count = |bench: &mut Bench| bench.ok("ListHostsForUser", &[LINA])["TotalCount"].clone();
    assert_eq!(count(&mut bench), 3);
    let hosts = [LINA, ("Hosts", r#"[{"HostId":"1044"}]"#)];
    bench.ok("DetachHostAccountsFromUser", &hosts);
    assert_eq!([(); 3].map(|()| count(&mut bench)), [2, 3, 3]);
    bench.ok("DetachHostAccountsFromUser", &hosts);
    assert_eq!([(); 3].map(|()| count(&mut bench)), [2, 2, 2]);
}

#[test]
fn a_mistake_in_a_world_file_is_reported_with_its_place() {
    let error = |text: &str| World::parse(text).unwrap_err().to_string();
    let text = "[[users]]\nid = \"1\"\nnmae = \"a\"\n";
    assert!(error(text).starts_with("line 3, column 1: unknown field `nmae`"), "{}", error(text));
    let text = "{\n  \"users\": [{\"id\": 1}]}";
    assert!(error(text).starts_with("line 2, column "), "{}", error(text));
    let text = "[[users]]\nid='1'\nname='a'\n[[grants]]\nuser='1'\nhost='2'\n";
    assert_eq!(error(text), "grants[1]: there is no host '2' in this file");
    let text = "[[users]]\nid='1'\nname='a'\n[[users]]\nid='1'\nname='b'\n";
    assert_eq!(error(text), "users[2]: the id '1' is used before in users");
    let text = "[[grants]]\nhost='2'\n";
    assert_eq!(error(text), "grants[1]: must have exactly one of user and user_group");
    let text = "[behaviour]\nmissing_operations = ['ListUser']\n";
    let expected = "behaviour.missing_operations: the service has no operation 'ListUser'";
    assert_eq!(error(text), expected);
    assert!(matches!(World::parse("x"), Err(WorldError::Syntax { line: 1, .. })));
}

#[test]
fn a_world_file_in_json_is_the_same_world() {
    let file = sample_file();
    let text = serde_json::to_string(&file).unwrap();
    assert_eq!(WorldFile::parse(&text).unwrap(), file);
}

#[test]
fn the_sample_fits_the_sample_list() {
    let grants = World::sample();
    let list = std::fs::read_to_string("samples/offboarding.csv").unwrap();
    let records: Vec<_> = grants.grants().records().collect();
    let mut reader = csv::Reader::from_reader(list.as_bytes());
    for row in reader.records() {
        let row = row.unwrap();
        let account = Some(&row[5]).filter(|account| *account != "*");
        let is_granted = records.iter().any(|grant| {
            (grant.grantee.as_str(), grant.kind.as_str(), grant.target.as_str())
                == (&row[2], &row[3], &row[4])
                && grant.account.as_deref() == account
        });
        assert!(is_granted, "{row:?}");
    }
}
