//! The decision table line by line, and observed formats of answers.

use super::*;
use crate::model::{Accounts, Entry, Status};
use crate::model::{Entries, Grantee, GranteeKind, Kind, UpToTen};

/// Host 1 as a whole; accounts a and b of host 2; account c of host 3.
fn request() -> Request {
    let listed = |names: &[&str]| {
        Accounts::Listed(UpToTen::new(names.iter().map(|n| (*n).into()).collect()).unwrap())
    };
    let entry = |target: &str, accounts| Entry { target: target.into(), accounts };
    Request {
        action: crate::model::Action::Detach,
        instance_id: "i".to_owned(),
        region: "r".to_owned(),
        grantee: Grantee { kind: GranteeKind::User, id: "7".to_owned() },
        kind: Kind::Host,
        entries: Entries::new(vec![
            entry("1", Accounts::Whole),
            entry("2", listed(&["a", "b"])),
            entry("3", listed(&["c"])),
        ])
        .unwrap(),
    }
}

/// Statuses of: host 1, account a, account b, account c.
fn statuses(results: &str) -> [Status; 4] {
    let body = format!(r#"{{"RequestId":"R","Results":[{results}]}}"#);
    match judge(&request(), 200, body.as_bytes()) {
        Judgement::Items { items, .. } => {
            items.iter().map(|item| item.status).collect::<Vec<_>>().try_into().unwrap()
        }
        other @ Judgement::Refused { .. } => panic!("{other:?}"),
    }
}

use Status::{AlreadyAbsent, Failed, NotFound, Revoked, Unknown};

fn account(outer: &str, inner: &str) -> Status {
    statuses(&format!(r#"{{"HostId":"3","UserId":"7"{outer},"HostAccounts":[{inner}]}}"#))[3]
}

fn whole(outer: &str, inner: &str) -> Status {
    statuses(&format!(r#"{{"HostId":"1","UserId":"7"{outer},"HostAccounts":[{inner}]}}"#))[0]
}

const OK: &str = r#","Code":"OK""#;
const BAD: &str = r#","Code":"INVALID_ARGUMENT""#;
const GONE: &str = r#","Code":"OBJECT_AlREADY_EXISTS""#;
const INNER_OK: &str = r#"{"HostAccountId":"c","Code":"OK"}"#;
const INNER_BAD: &str = r#"{"HostAccountId":"c","Code":"INVALID_ARGUMENT"}"#;
const INNER_LOST: &str = r#"{"HostAccountId":"c","Code":"OBJECT_NOT_FOUND"}"#;

#[test]
fn account_outer_ok_counts_the_inner_code() {
    assert_eq!(account(OK, INNER_OK), Revoked);
    assert_eq!(account(OK, INNER_BAD), Failed);
    assert_eq!(account(OK, INNER_LOST), NotFound);
    assert_eq!(account(OK, r#"{"HostAccountId":"c","Code":"UNEXPECTED"}"#), Unknown);
    assert_eq!(
        account(OK, r#"{"HostAccountId":"c","Code":"Object_Already_Exists"}"#),
        AlreadyAbsent
    );
    assert_eq!(account(OK, r#"{"HostAccountId":"c","Code":"WHO_KNOWS"}"#), Failed);
}

#[test]
fn account_outer_ok_and_inner_missing_is_unknown() {
    assert_eq!(account(OK, ""), Unknown);
    assert_eq!(account(OK, r#"{"HostAccountId":"c"}"#), Unknown);
    assert_eq!(account(OK, r#"{"HostAccountId":"x","Code":"OK"}"#), Unknown);
}

#[test]
fn account_outer_not_ok_and_inner_missing_is_the_outer_code() {
    assert_eq!(account(BAD, ""), Failed);
    assert_eq!(account(GONE, ""), AlreadyAbsent);
}

#[test]
fn account_outer_not_ok_and_inner_ok_is_unknown() {
    assert_eq!(account(BAD, INNER_OK), Unknown);
    assert_eq!(account(GONE, INNER_OK), Unknown);
}

#[test]
fn account_outer_not_ok_and_inner_not_ok_is_the_inner_code() {
    assert_eq!(account(BAD, INNER_LOST), NotFound);
}

#[test]
fn account_outer_missing_is_unknown() {
    assert_eq!(account("", INNER_OK), Unknown);
    assert_eq!(statuses(""), [Unknown; 4]);
}

#[test]
fn whole_target_is_ok_only_if_the_outer_and_all_inner_codes_are() {
    assert_eq!(whole(OK, ""), Revoked);
    assert_eq!(whole(OK, INNER_OK), Revoked);
    assert_eq!(whole(OK, &format!("{INNER_OK},{{\"HostAccountId\":\"d\"}}")), Unknown);
}

#[test]
fn whole_target_takes_the_worst_inner_code() {
    let lost = r#"{"HostAccountId":"d","Code":"OBJECT_NOT_FOUND"}"#;
    assert_eq!(whole(OK, lost), NotFound);
    let fine = r#"{"HostAccountId":"f","Code":"OK"}"#;
    assert_eq!(whole(OK, &format!("{INNER_BAD},{lost},{fine}")), Failed);
    assert_eq!(whole(BAD, lost), NotFound);
    let unexpected = r#"{"HostAccountId":"e","Code":"UNEXPECTED"}"#;
    assert_eq!(whole(OK, &format!("{INNER_BAD},{unexpected}")), Unknown);
}

#[test]
fn whole_target_outer_not_ok_is_the_outer_code_unless_all_inner_are_ok() {
    assert_eq!(whole(GONE, ""), AlreadyAbsent);
    assert_eq!(whole(BAD, INNER_OK), Unknown);
    assert_eq!(whole("", INNER_OK), Unknown);
}

#[test]
fn results_match_by_id_in_any_order() {
    let results = r#"
        {"HostId":"3","UserId":"7","Code":"OK","HostAccounts":[{"HostAccountId":"c","Code":"OBJECT_NOT_FOUND"}]},
        {"HostId":"2","UserId":"7","Code":"OK","HostAccounts":[{"HostAccountId":"b","Code":"INVALID_ARGUMENT"},
                                                              {"HostAccountId":"a","Code":"OK"}]},
        {"HostId":"1","UserId":"7","Code":"OK","New":[1]}"#;
    assert_eq!(statuses(results), [Revoked, Revoked, Failed, NotFound]);
}

#[test]
fn an_answer_may_speak_of_a_target_in_parts() {
    let results = r#"
        {"HostId":2,"UserId":7,"Code":"OK","HostAccounts":{"HostAccountId":"a","Code":"OK"}},
        {"HostId":2,"UserId":7,"Code":"OK","HostAccounts":{"HostAccountId":"b","Code":"OK"}}"#;
    assert_eq!(statuses(results), [Unknown, Revoked, Revoked, Unknown]);
}

#[test]
fn conflicting_repeats_are_unknown_and_equal_ones_are_not() {
    let of = |second: &str| {
        statuses(&format!(r#"{{"HostId":"3","Code":"OK","HostAccounts":[{INNER_OK},{second}]}}"#))
            [3]
    };
    assert_eq!(of(INNER_OK), Revoked);
    assert_eq!(of(INNER_BAD), Unknown);
    assert_eq!(of(r#"{"HostAccountId":"c","Code":"OK","code":"UNEXPECTED"}"#), Unknown);
    let twice = |second: &str| {
        statuses(&format!(r#"{{"HostId":"1","Code":"OK"}},{{"HostId":"1","Code":"{second}"}}"#))[0]
    };
    assert_eq!((twice("OK"), twice("UNEXPECTED")), (Revoked, Unknown));
}

/// JSON values of codes that are not documented and are not the text of a failure.
const AMBIGUOUS_CODES: [&str; 18] = [
    "0",
    "200",
    "-1",
    "0.0",
    "1e3",
    "true",
    "false",
    "null",
    r#""""#,
    r#""  ""#,
    r#""0""#,
    r#""ok""#,
    r#""Ok""#,
    r#"" OK""#,
    r#""OK ""#,
    r#""\tok\n""#,
    "{}",
    r#"["OK",1]"#,
];

#[test]
fn a_code_that_is_neither_success_nor_failure_is_unknown() {
    for code in AMBIGUOUS_CODES {
        let outer = format!(r#","Code":{code}"#);
        let inner = format!(r#"{{"HostAccountId":"c","Code":{code}}}"#);
        assert_eq!(whole(&outer, ""), Unknown, "whole target, {code}");
        assert_eq!(account(OK, &inner), Unknown, "account, {code}");
        assert_eq!(account(&outer, INNER_OK), Unknown, "account below a target, {code}");
        assert_eq!(whole(OK, &inner), Unknown, "account of a whole target, {code}");
        let twice = format!("{INNER_OK},{inner}");
        let expected = if code == "null" { Revoked } else { Unknown };
        assert_eq!(account(OK, &twice), expected, "beside an OK, {code}");
    }
}

#[test]
fn another_users_answer_is_unknown() {
    let results = r#"{"HostId":"1","UserId":"8","Code":"OK"},
        {"HostId":"3","UserId":"8","Code":"OK","HostAccounts":[{"HostAccountId":"c","Code":"OK"}]}"#;
    assert_eq!(statuses(results), [Unknown; 4]);
    let both = r#"{"HostId":"1","UserId":"8","Code":"OK"},{"HostId":"1","UserId":"7","Code":"OK"}"#;
    assert_eq!(statuses(both)[0], Unknown);
}

#[test]
fn foreign_targets_and_accounts_change_nothing() {
    let results = r#"{"HostId":"99","UserId":"7","Code":"OK"},
        {"HostId":"3","Code":"OK","HostAccounts":[{"HostAccountId":"c","Code":"OK"},{"HostAccountId":"z","Code":"UNEXPECTED"}]}"#;
    assert_eq!(statuses(results), [Unknown, Unknown, Unknown, Revoked]);
}

#[test]
fn an_account_without_its_target_counts_only_if_one_target_asked_for_it() {
    let outer = r#"{"HostId":"3","Code":"OK"},{"HostId":"1","Code":"OK"}"#;
    let of = |element: &str| statuses(&format!("{outer},{element}"));
    assert_eq!(of(r#"{"HostAccounts":{"HostAccountId":"c","Code":"OK"}}"#)[3], Revoked);
    assert_eq!(
        of(r#"{"Code":"UNEXPECTED","HostAccounts":{"HostAccountId":"c","Code":"OK"}}"#)[3],
        Unknown
    );
    // No request contained x. Its target is unknown, so the whole target is not known to be
    // revoked.
    assert_eq!(of(r#"{"HostAccounts":{"HostAccountId":"x","Code":"UNEXPECTED"}}"#)[0], Unknown);
    assert_eq!(of(r#"{"HostAccounts":{"HostAccountId":"x","Code":"OK"}}"#)[0], Revoked);
    assert_eq!(of(r#"{"HostAccounts":{"HostAccountId":"c","Code":"OK"}}"#)[0], Revoked);

    let mut twins = request();
    let accounts = Accounts::Listed(UpToTen::new(vec!["c".into()]).unwrap());
    let entry = |target: &str| Entry { target: target.into(), accounts: accounts.clone() };
    twins.entries = Entries::new(vec![entry("3"), entry("4")]).unwrap();
    let body = r#"{"Results":[{"HostId":"3","Code":"OK"},{"HostId":"4","Code":"OK"},
        {"HostAccounts":[{"HostAccountId":"c","Code":"OK"}]}]}"#;
    let Judgement::Items { items, .. } = judge(&twins, 200, body.as_bytes()) else { panic!() };
    assert!(items.iter().all(|item| item.status == Unknown));
}

#[test]
fn the_documented_xml_answer_reads_like_the_json_one() {
    let xml = "<DetachHostAccountsFromUserResponse><RequestId>R</RequestId>\
        <Results><Message></Message><HostId>1</HostId><Code>OK</Code><UserId>7</UserId></Results>\
        <Results><HostId>3</HostId><Code>OK</Code><HostAccounts><Message/><Code>OK</Code>\
        <HostAccountId>c</HostAccountId></HostAccounts></Results>\
        </DetachHostAccountsFromUserResponse>";
    let Judgement::Items { request_id, items } = judge(&request(), 200, xml.as_bytes()) else {
        panic!()
    };
    assert_eq!(request_id, "R");
    assert_eq!(
        items.iter().map(|i| i.status).collect::<Vec<_>>(),
        [Revoked, Unknown, Unknown, Revoked]
    );
}

#[test]
fn messages_that_only_fill_the_place_are_blank() {
    for (filler, shown) in
        [("None", ""), ("N/A\\n", ""), ("", ""), ("无", ""), ("the text", "the text")]
    {
        let body = format!(r#"{{"Results":[{{"HostId":"1","Code":"X","Message":"{filler}"}}]}}"#);
        let Judgement::Items { items, .. } = judge(&request(), 200, body.as_bytes()) else {
            panic!()
        };
        assert_eq!(items[0].message, shown);
    }
}

fn refused(status: u16, body: &str) -> (Class, String, String) {
    match judge(&request(), status, body.as_bytes()) {
        Judgement::Refused { class, code, message, .. } => (class, code, message),
        other @ Judgement::Items { .. } => panic!("{other:?}"),
    }
}

#[test]
fn errors_of_a_request_are_found_in_json_xml_and_lower_case() {
    let json = r#"{"RequestId":"R","HostId":"h","Code":"InvalidParameter","Message":"The argument is invalid."}"#;
    let lower = json.replace("Code", "code").replace("Message", "message");
    let xml = "<?xml version='1.0'?><Error><RequestId>R</RequestId><HostId>h</HostId>\
        <Code>InvalidParameter</Code><Message>The argument is invalid.</Message></Error>";
    for body in [json, &lower, xml] {
        let (class, code, message) = refused(400, body);
        assert_eq!(class, Class::BadArgument);
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("InvalidParameter", "The argument is invalid.")
        );
    }
    assert_eq!(refused(200, r#"{"Code":"Throttling.User","Message":""}"#).0, Class::Throttled);
}

#[test]
fn answers_that_can_not_be_trusted_are_doubtful() {
    for (status, body) in [
        (200, ""),
        (200, "   "),
        (200, "{}"),
        (200, "[]"),
        (200, r#"{"RequestId":"R"}"#),
        (200, r#"{"Results":[{"HostId":"1","Code":"OK"}"#),
        (200, r#"{"Code":"InternalError","Results":[{"HostId":"1","Code":"OK"}]}"#),
        (500, r#"{"Results":[{"HostId":"1","Code":"OK"}]}"#),
        (502, "<html><body><h1>Bad Gateway</h1></body></html>"),
        (403, "<!DOCTYPE html><html><p>blocked<br></html>"),
        (302, ""),
        (200, "\u{0}\u{1}"),
    ] {
        assert_eq!(refused(status, body).0, Class::Doubtful, "{status} {body}");
    }
    assert!(matches!(
        judge(&request(), 200, &[0xff, 0xfe]),
        Judgement::Refused { class: Class::Doubtful, .. }
    ));
    assert_eq!(refused(502, "<html>x").1, "HTTP 502");
}

#[test]
fn a_number_or_text_in_place_of_results_says_nothing_of_any_item() {
    for results in ["null", "5", "\"x\"", "[[],[null]]", "{}"] {
        let body = format!(r#"{{"Results":{results}}}"#);
        let Judgement::Items { items, .. } = judge(&request(), 200, body.as_bytes()) else {
            panic!()
        };
        assert!(items.iter().all(|item| item.status == Unknown), "{results}");
    }
}

#[test]
fn the_same_codes_of_an_attach_say_restored_and_already_present() {
    let request = Request { action: crate::model::Action::Attach, ..request() };
    let results = r#"{"HostId":"1","Code":"OK"},
        {"HostId":"2","Code":"OK","HostAccounts":[{"HostAccountId":"a","Code":"OK"},
            {"HostAccountId":"b","Code":"OBJECT_AlREADY_EXISTS"}]},
        {"HostId":"3","Code":"OBJECT_NOT_FOUND"}"#;
    let body = format!(r#"{{"RequestId":"R","Results":[{results}]}}"#);
    let Judgement::Items { items, .. } = judge(&request, 200, body.as_bytes()) else { panic!() };
    let statuses: Vec<Status> = items.iter().map(|item| item.status).collect();
    let expected = [Status::Restored, Status::Restored, Status::AlreadyPresent, Status::NotFound];
    assert_eq!(statuses, expected);
    assert_eq!(items[0].code, "OK");
}
