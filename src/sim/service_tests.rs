//! The service's rules, tested without sockets and with a clock of the test.

use std::num::NonZeroU32;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::testing::{acs3, get, now, v1, v1_pairs};
use super::*;

const HOSTS: &str = "DetachHostAccountsFromUser";
const GROUPS: &str = "DetachHostGroupAccountsFromUser";
const DATABASES: &str = "DetachDatabaseAccountsFromUser";

/// A service and the nonces of its client.
struct Bench {
    service: Service,
    sent: u32,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        Self { service: Service::new(settings), sent: 0 }
    }

    fn with_fault(name: &str) -> Self {
        let rate = format!("{name}=1").parse().unwrap();
        Self::new(Settings { faults: Faults::new([rate]), ..Settings::default() })
    }

    fn nonce(&mut self) -> String {
        self.sent += 1;
        format!("n-{}", self.sent)
    }

    fn send(&mut self, action: &str, own: &[(&str, &str)]) -> Reply {
        let nonce = self.nonce();
        let mut pairs = vec![("InstanceId", "i-1")];
        pairs.extend_from_slice(own);
        self.service.handle(now(), &v1(&v1_pairs(action, &nonce, &pairs)))
    }

    fn hosts(&mut self, hosts: &Value) -> Reply {
        self.send(HOSTS, &[("UserId", "7"), ("Hosts", &hosts.to_string())])
    }
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.answer().expect("an answer").body).expect("JSON")
}

fn results(reply: &Reply) -> Value {
    assert_eq!(reply.answer().unwrap().status, 200);
    body(reply)["Results"].clone()
}

/// The HTTP status and `Code` of a error.
fn refused(reply: &Reply) -> (u16, String) {
    let code = body(reply)["Code"].as_str().unwrap().to_owned();
    (reply.answer().unwrap().status.as_u16(), code)
}

fn account(code: &str, id: &str) -> Value {
    json!({ "Code": code, "Message": "None", "HostAccountId": id })
}

fn host(code: &str, id: &str, accounts: &[Value]) -> Value {
    json!({
        "Code": code, "Message": "None", "UserId": "7", "HostId": id, "HostAccounts": accounts,
    })
}

const EXISTS: &str = "OBJECT_AlREADY_EXISTS";

#[test]
fn items_are_answered_by_what_they_find() {
    let mut bench = Bench::new(Settings::default());
    let accounts = json!([{"HostId": "1", "HostAccountIds": ["a", "b"]}]);
    let reply = bench.hosts(&accounts);
    assert_eq!(
        results(&reply),
        json!([host("OK", "1", &[account("OK", "a"), account("OK", "b")])])
    );
    let again = json!([{"HostId": "1", "HostAccountIds": ["b", "c"]}, {"HostId": "2"}]);
    let expected =
        [host("OK", "1", &[account(EXISTS, "b"), account("OK", "c")]), host("OK", "2", &[])];
    assert_eq!(results(&bench.hosts(&again)), json!(expected));
    let whole = json!([{"HostId": "1"}, {"HostId": "2"}]);
    let expected = [host("OK", "1", &[]), host(EXISTS, "2", &[])];
    assert_eq!(results(&bench.hosts(&whole)), json!(expected));
}

#[test]
fn groups_and_databases_have_their_own_field_names() {
    let mut bench = Bench::new(Settings::default());
    let groups = r#"[{"HostGroupId":"5","HostAccountNames":["root"]}]"#;
    let reply = bench.send(GROUPS, &[("UserId", "7"), ("HostGroups", groups)]);
    let expected = json!([{
        "Code": "OK", "Message": "N/A\n", "HostGroupId": "5", "UserId": "7",
        "HostAccountNames": [{"Code": "OK", "Message": "N/A\n", "HostAccountName": "root"}],
    }]);
    assert_eq!(results(&reply), expected);
    let database = [
        ("UserGroupId", "g"),
        ("Databases.1.DatabaseId", "8"),
        ("Databases.1.DatabaseAccountIds.1", "9"),
    ];
    let action = "DetachDatabaseAccountsFromUserGroup";
    bench.send(action, &database);
    let expected = json!([{
        "Code": "OK", "Message": "None", "DatabaseId": "8", "UserGroupId": "g",
        "DatabaseAccounts": [{
            "Code": EXISTS, "Message": "The permission was revoked before.",
            "DatabaseAccountId": "9",
        }],
    }]);
    assert_eq!(results(&bench.send(action, &database)), expected);
}

#[test]
fn listed_grants_decide_what_exists() {
    let file = "user,kind,target,account\n7,host,1,*\n7,host,1,a\n8,host,1,b\n";
    let grants = Grants::from_csv(file.as_bytes()).unwrap();
    let mut bench = Bench::new(Settings { grants, ..Settings::default() });
    let request = json!([
        {"HostId": "1", "HostAccountIds": ["a", "b", "c"]},
        {"HostId": "2", "HostAccountIds": ["a"]},
        {"HostId": "3"},
    ]);
    let expected = [
        host(
            "OK",
            "1",
            &[account("OK", "a"), account(EXISTS, "b"), account("OBJECT_NOT_FOUND", "c")],
        ),
        host("OBJECT_NOT_FOUND", "2", &[]),
        host("OBJECT_NOT_FOUND", "3", &[]),
    ];
    assert_eq!(results(&bench.hosts(&request)), json!(expected));
    let audit = bench.service.audit();
    assert!(audit.listed);
    assert_eq!((audit.granted.len(), audit.removed.len()), (3, 1));
    let whole = json!([{"HostId": "1"}]);
    assert_eq!(results(&bench.hosts(&whole)), json!([host("OK", "1", &[])]));
    assert_eq!(results(&bench.hosts(&whole)), json!([host(EXISTS, "1", &[])]));
}

#[test]
fn a_nonce_counts_once_and_a_bad_signature_uses_none_up() {
    let mut bench = Bench::new(Settings::default());
    let own = [("InstanceId", "i-1"), ("UserId", "7"), ("Hosts", r#"[{"HostId":"1"}]"#)];
    let good = v1(&v1_pairs(HOSTS, "n-1", &own));
    let mut bad = good.clone();
    bad.body = [&bad.body[..], b"&x=1"].concat().into();
    assert_eq!(refused(&bench.service.handle(now(), &bad)).1, "SignatureDoesNotMatch");
    results(&bench.service.handle(now(), &good));
    let again = bench.service.handle(now(), &good);
    assert_eq!(refused(&again), (400, "SignatureNonceUsed".to_owned()));
    let violations = bench.service.audit().violations;
    assert_eq!((violations.bad_signatures, violations.nonce_reuse), (1, 1));
}

#[test]
fn over_the_quota_a_request_is_throttled_and_not_applied() {
    let quota = NonZeroU32::new(2);
    let mut bench = Bench::new(Settings { quota, ..Settings::default() });
    for id in ["1", "2"] {
        results(&bench.hosts(&json!([{ "HostId": id }])));
    }
    let reply = bench.hosts(&json!([{"HostId": "3"}]));
    assert_eq!(refused(&reply), (400, "Throttling.User".to_owned()));
    assert_eq!(reply.answer().unwrap().headers["x-acs-retry-after"], "500");
    let audit = bench.service.audit();
    assert_eq!((audit.violations.over_quota, audit.counts.applied), (1, 2));
    let groups = [("UserId", "7"), ("HostGroups", r#"[{"HostGroupId":"1"}]"#)];
    results(&bench.send(GROUPS, &groups));
    let nonce = bench.nonce();
    let own = [("InstanceId", "i-1"), ("UserId", "7"), ("Hosts", r#"[{"HostId":"3"}]"#)];
    let request = v1(&v1_pairs(HOSTS, &nonce, &own));
    let later = now() + SignedDuration::from_millis(500);
    results(&bench.service.handle(later, &request));
}

#[test]
fn errors_have_the_api_s_shape_in_both_formats() {
    let mut bench = Bench::new(Settings::default());
    let mut request = v1(&v1_pairs(HOSTS, "n-1", &[("UserId", "7")]));
    request.headers.insert("host", "127.0.0.1:80".parse().unwrap());
    let reply = bench.service.handle(now(), &request);
    let error = body(&reply);
    assert_eq!(error["Code"], "MissingInstanceId");
    assert_eq!(error["Message"], "InstanceId is mandatory for this action.");
    assert_eq!(error["HostId"], "127.0.0.1:80");
    assert_eq!(error["RequestId"].as_str().unwrap().len(), 36);
    let headers = &reply.answer().unwrap().headers;
    assert_eq!(headers["content-type"], "application/json;charset=utf-8");
    assert_eq!(headers["date"], "Fri, 02 Jan 2026 03:04:05 GMT");
    let mut pairs = v1_pairs(HOSTS, "n-2", &[]);
    pairs.retain(|(name, _)| name != "Format");
    let reply = bench.service.handle(now(), &v1(&pairs));
    let answer = reply.answer().unwrap();
    assert_eq!(answer.headers["content-type"], "text/xml;charset=utf-8");
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(text.contains("<Error><Code>MissingInstanceId</Code><HostId>"), "{text}");
}

#[test]
fn xml_repeats_its_elements_and_escapes_them() {
    let mut bench = Bench::new(Settings::default());
    let hosts = r#"[{"HostId":"1<&","HostAccountIds":["a","b"]},{"HostId":"2"}]"#;
    let own = [("InstanceId", "i"), ("UserId", "7"), ("Hosts", hosts)];
    let mut pairs = v1_pairs(HOSTS, "n-1", &own);
    pairs.retain(|(name, _)| name != "Format");
    pairs.push(("Format".to_owned(), "XML".to_owned()));
    let reply = bench.service.handle(now(), &v1(&pairs));
    let text = String::from_utf8(reply.answer().unwrap().body.to_vec()).unwrap();
    assert!(
        text.starts_with(
            "<?xml version='1.0' encoding='UTF-8'?><DetachHostAccountsFromUserResponse>"
        )
    );
    assert!(text.contains("<HostId>1&lt;&amp;</HostId>"), "{text}");
    assert_eq!((text.matches("<Results>").count(), text.matches("<HostAccounts>").count()), (2, 2));
}

#[test]
fn acs3_is_answered_in_json_unless_it_asks_for_xml() {
    let mut bench = Bench::new(Settings::default());
    let query = "InstanceId=i-1&UserId=7&Hosts=%5B%7B%22HostId%22%3A%221%22%7D%5D";
    let reply = bench.service.handle(now(), &acs3(HOSTS, "n-1", query, ""));
    assert_eq!(results(&reply)[0]["Code"], "OK");
    let reply = bench.service.handle(now(), &acs3(HOSTS, "n-2", "", query));
    assert_eq!(results(&reply)[0]["Code"], EXISTS, "the form body serves as well");
    let query = format!("Format=xml&{query}");
    let reply = bench.service.handle(now(), &acs3(HOSTS, "n-3", &query, ""));
    assert_eq!(reply.answer().unwrap().headers["content-type"], "text/xml;charset=utf-8");
}

#[test]
fn a_poisoned_id_refuses_the_whole_request_and_only_that() {
    let poison = vec!["13".to_owned()];
    let mut bench = Bench::new(Settings { poison, ..Settings::default() });
    let invalid = (400, "InvalidParameter".to_owned());
    for hosts in [
        json!([{"HostId": "1"}, {"HostId": "poison-2"}]),
        json!([{"HostId": "1"}, {"HostId": "2", "HostAccountIds": ["poisoned"]}]),
        json!([{"HostId": "1"}, {"HostId": "13"}]),
    ] {
        assert_eq!(refused(&bench.hosts(&hosts)), invalid);
    }
    assert_eq!(results(&bench.hosts(&json!([{"HostId": "1"}]))), json!([host("OK", "1", &[])]));
    let audit = bench.service.audit();
    assert_eq!((audit.counts.applied, audit.violations), (1, Violations::default()));
}

#[test]
fn throttling_comes_with_either_hint_or_none() {
    let one = json!([{"HostId": "1"}]);
    for (name, header, value) in [
        ("throttle-retry-after", "x-acs-retry-after", "200"),
        ("throttle-ratelimit", "x-ratelimit-user-api", "Limit:1,Remain:0,TimeLeft:200"),
        ("throttle", "", ""),
    ] {
        let mut bench = Bench::with_fault(name);
        let reply = bench.hosts(&one);
        assert_eq!(refused(&reply), (400, "Throttling.User".to_owned()), "{name}");
        let headers = &reply.answer().unwrap().headers;
        for known in ["x-acs-retry-after", "x-ratelimit-user-api"] {
            let expected = (known == header).then_some(value);
            assert_eq!(headers.get(known).map(|text| text.to_str().unwrap()), expected, "{name}");
        }
        let inside_wait = u64::from(!header.is_empty());
        bench.hosts(&one);
        let audit = bench.service.audit();
        assert_eq!(audit.operations[HOSTS].inside_wait, inside_wait, "{name}");
        assert_eq!((audit.counts.applied, audit.faults[name]), (0, 2), "{name}");
    }
}

#[test]
fn server_errors_look_the_same_whether_applied_or_not() {
    let one = json!([{"HostId": "1"}]);
    for (name, status, applied) in [
        ("internal-error", 500, false),
        ("internal-error-applied", 500, true),
        ("service-unavailable", 503, false),
        ("html-bad-gateway", 502, false),
    ] {
        let mut bench = Bench::with_fault(name);
        let reply = bench.hosts(&one);
        let answer = reply.answer().unwrap();
        assert_eq!(answer.status, status, "{name}");
        if status == 502 {
            assert_eq!(answer.headers["content-type"], "text/html");
            assert!(answer.body.starts_with(b"<html>"));
        } else {
            let code = if status == 500 { "InternalError" } else { "ServiceUnavailable" };
            assert_eq!(body(&reply)["Code"], code);
        }
        let audit = bench.service.audit();
        assert_eq!((audit.asked[0].applied, audit.removed.len()), (applied, usize::from(applied)));
        assert_eq!(audit.asked[0].faults, [name]);
        assert_eq!(audit.asked[0].status, Some(status));
    }
}

#[test]
fn reset_before_is_not_applied_and_reset_after_is() {
    let one = json!([{"HostId": "1"}]);
    for (name, applied) in
        [("reset-before", false), ("reset-after", true), ("truncated-body", true)]
    {
        let mut bench = Bench::with_fault(name);
        let delivery = bench.hosts(&one).delivery;
        let fits = match (name, &delivery) {
            ("reset-before", Delivery::ResetBefore) | ("reset-after", Delivery::ResetAfter) => true,
            (_, Delivery::Truncate { answer, keep }) => 0 < *keep && *keep < answer.body.len(),
            _ => false,
        };
        assert!(fits, "{name}: {delivery:?}");
        assert_eq!(bench.service.audit().removed.len(), usize::from(applied), "{name}");
    }
}

#[test]
fn a_slow_answer_takes_effect_at_once() {
    let mut bench = Bench::with_fault("slow-answer");
    let reply = bench.hosts(&json!([{"HostId": "1"}]));
    assert_eq!(reply.delay, Settings::default().slow);
    assert_eq!(results(&reply), json!([host("OK", "1", &[])]));
}

#[test]
fn unexpected_items_are_not_applied_and_missing_ones_are() {
    let request = json!([{"HostId": "1", "HostAccountIds": ["a"]}, {"HostId": "2"}]);
    let mut bench = Bench::with_fault("unexpected-items");
    let expected = [host("OK", "1", &[account("UNEXPECTED", "a")]), host("UNEXPECTED", "2", &[])];
    assert_eq!(results(&bench.hosts(&request)), json!(expected));
    assert_eq!(bench.service.audit().removed, []);
    let mut bench = Bench::with_fault("missing-items");
    assert_eq!(results(&bench.hosts(&request)), json!([host("OK", "1", &[])]));
    let audit = bench.service.audit();
    assert_eq!((audit.removed.len(), audit.faults["missing-items"]), (2, 2));
}

#[test]
fn shuffled_items_are_the_same_items() {
    let ids: Vec<String> = (1..=10).map(|id| id.to_string()).collect();
    let request: Vec<_> =
        ids.iter().map(|id| json!({"HostId": id, "HostAccountIds": ids})).collect();
    let mut straight = results(&Bench::new(Settings::default()).hosts(&json!(request)));
    let mut shuffled = results(&Bench::with_fault("shuffled-items").hosts(&json!(request)));
    let order = |results: &Value, name: &str| -> Vec<String> {
        results.as_array().unwrap().iter().map(|result| result[name].to_string()).collect()
    };
    assert_ne!(order(&straight, "HostId"), order(&shuffled, "HostId"));
    assert_ne!(order(&straight, "HostAccounts")[0], order(&shuffled, "HostAccounts")[0]);
    for results in [&mut straight, &mut shuffled] {
        for result in results.as_array_mut().unwrap() {
            result["HostAccounts"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
        }
        results.as_array_mut().unwrap().sort_by_key(ToString::to_string);
    }
    assert_eq!(straight, shuffled);
}

#[test]
fn numeric_ids_are_numbers_only_if_no_digit_is_lost() {
    let mut bench = Bench::with_fault("numeric-ids");
    let request = json!([{"HostId": "12", "HostAccountIds": ["007", "8", "x"]}]);
    let expected = json!([{
        "Code": "OK", "Message": "None", "UserId": 7, "HostId": 12,
        "HostAccounts": [
            {"Code": "OK", "Message": "None", "HostAccountId": "007"},
            {"Code": "OK", "Message": "None", "HostAccountId": 8},
            {"Code": "OK", "Message": "None", "HostAccountId": "x"},
        ],
    }]);
    assert_eq!(results(&bench.hosts(&request)), expected);
    let groups = r#"[{"HostGroupId":"5","HostAccountNames":["111"]}]"#;
    let reply = bench.send(GROUPS, &[("UserId", "7"), ("HostGroups", groups)]);
    assert_eq!(results(&reply)[0]["HostAccountNames"][0]["HostAccountName"], "111");
}

#[test]
fn older_shapes_drop_the_list_of_one_and_part_accounts_from_targets() {
    let one = json!([{"HostId": "1", "HostAccountIds": ["a"]}]);
    let mut expected = host("OK", "1", &[]);
    expected["HostAccounts"] = account("OK", "a");
    assert_eq!(results(&Bench::with_fault("object-for-one").hosts(&one)), expected);
    let two = json!([{"HostId": "1", "HostAccountIds": ["a"]}, {"HostId": "2"}]);
    let expected = json!([
        {"Code": "OK", "Message": "None", "UserId": "7", "HostId": "1"},
        {"HostAccounts": [account("OK", "a")]},
        {"Code": "OK", "Message": "None", "UserId": "7", "HostId": "2"},
    ]);
    assert_eq!(results(&Bench::with_fault("accounts-apart").hosts(&two)), expected);
}

#[test]
fn the_same_seed_and_requests_give_the_same_faults() {
    let run = |seed: u64, skip_nonces: u32| {
        let rates = Fault::ALL.map(|fault| FaultRate { fault, probability: 0.1 });
        let faults = Faults::new(rates);
        let mut bench = Bench::new(Settings { seed, faults, ..Settings::default() });
        bench.sent = skip_nonces;
        for id in 0..200 {
            bench.hosts(&json!([{"HostId": (id % 50).to_string(), "HostAccountIds": ["1", "2"]}]));
        }
        let request = bench.service.audit().asked;
        request.into_iter().map(|attempt| (attempt.faults, attempt.status)).collect::<Vec<_>>()
    };
    assert_eq!(run(1, 0), run(1, 1000), "nonces don't matter");
    assert_ne!(run(1, 0), run(2, 0));
}

#[test]
fn throttled_attempts_do_not_move_the_faults_of_later_ones() {
    // The number of attempts that the quota refuses depends on timing; the faults of the others
    // don't.
    let run = |quota: Option<NonZeroU32>| {
        let faults = Faults::new(["reset-after=0.5".parse().unwrap()]);
        let mut bench = Bench::new(Settings { quota, faults, ..Settings::default() });
        for _ in 0..20 {
            bench.hosts(&json!([{"HostId": "1"}]));
        }
        let request = bench.service.audit().asked;
        let passed = request.into_iter().filter(|attempt| attempt.code != "Throttling.User");
        passed.map(|attempt| attempt.faults).collect::<Vec<_>>()
    };
    let all = run(None);
    assert_eq!(run(NonZeroU32::new(10)), all[..10]);
}

#[test]
fn the_audit_is_served_without_a_signature() {
    let mut bench = Bench::new(Settings::default());
    let pairs = [("UserId", "7"), ("RegionId", "cn-hangzhou"), ("Hosts", r#"[{"HostId":"1"}]"#)];
    bench.send(HOSTS, &pairs);
    bench.send(DATABASES, &[("UserId", "7")]);
    let mut request = get("");
    request.path = "/audit".to_owned();
    let reply = bench.service.handle(now(), &request);
    let served: Audit = serde_json::from_slice(&reply.answer().unwrap().body).unwrap();
    assert_eq!(served, bench.service.audit());
    let attempt = |request_id: &str| Attempt {
        time: "2026-01-02T03:04:05Z".to_owned(),
        request_id: request_id.to_owned(),
        signature: Some(SignatureKind::V1),
        ..Attempt::default()
    };
    let first = Attempt {
        nonce: Some("n-1".to_owned()),
        operation: Some(HOSTS.to_owned()),
        instance_id: Some("i-1".to_owned()),
        region: Some("cn-hangzhou".to_owned()),
        grantee_kind: Some("user".to_owned()),
        grantee: Some("7".to_owned()),
        targets: vec![RequestTarget { target: "1".to_owned(), accounts: None }],
        applied: true,
        status: Some(200),
        code: "OK".to_owned(),
        ..attempt(&served.asked[0].request_id)
    };
    let second = Attempt {
        nonce: Some("n-2".to_owned()),
        operation: Some(DATABASES.to_owned()),
        instance_id: Some("i-1".to_owned()),
        grantee_kind: Some("user".to_owned()),
        grantee: Some("7".to_owned()),
        status: Some(400),
        code: "MissingDatabases".to_owned(),
        ..attempt(&served.asked[1].request_id)
    };
    assert_eq!(served.asked, [first, second]);
    assert_eq!(served.violations, Violations { missing_parameters: 1, ..Violations::default() });
    assert_eq!((served.counts.attempts, served.counts.grants_removed), (2, 1));
    let removed = GrantRecord {
        instance_id: "i-1".to_owned(),
        grantee_kind: "user".to_owned(),
        grantee: "7".to_owned(),
        kind: "host".to_owned(),
        target: "1".to_owned(),
        account: None,
        held: false,
        removed: 1,
    };
    assert_eq!(served.removed, [removed]);
    let names: Value = serde_json::from_slice(&reply.answer().unwrap().body).unwrap();
    let names: Vec<_> = names.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "asked",
        "asked_dropped",
        "counts",
        "faults",
        "granted",
        "listed",
        "operations",
        "removed",
        "schema",
        "violations",
    ];
    expected.sort_unstable();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, expected, "a new name needs a new schema");
}

#[test]
fn refused_attempts_are_audited_as_they_were_sent() {
    let quota = NonZeroU32::new(2);
    let mut bench = Bench::new(Settings { quota, ..Settings::default() });
    let ids: Vec<_> = (0..11).map(|id| json!({"HostId": id.to_string()})).collect();
    assert_eq!(refused(&bench.hosts(&json!(ids))).1, "InvalidParameter");
    let twice = json!([{"HostId": "1"}, {"HostId": "1"}]);
    assert_eq!(refused(&bench.hosts(&twice)).1, "InvalidParameter");
    assert_eq!(refused(&bench.hosts(&twice)).1, "Throttling.User");
    let audit = bench.service.audit();
    let targets: Vec<_> = audit.asked.iter().map(|attempt| attempt.targets.len()).collect();
    assert_eq!(targets, [11, 2, 2]);
    let expected = Violations { limits: 1, duplicates: 1, over_quota: 1, ..Violations::default() };
    assert_eq!((audit.violations, audit.counts.applied), (expected, 0));
}

#[test]
fn request_ids_differ_and_follow_the_seed() {
    let ids = |seed| {
        let mut bench = Bench::new(Settings { seed, ..Settings::default() });
        for _ in 0..100 {
            bench.hosts(&json!([{"HostId": "1"}]));
        }
        bench.service.audit().asked.into_iter().map(|a| a.request_id).collect::<Vec<_>>()
    };
    let mut first = ids(1);
    assert_eq!(first, ids(1));
    assert_ne!(first, ids(2));
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), 100);
}
