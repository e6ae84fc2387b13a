//! The entry points of the fuzz targets with the same random bytes each time: nothing panics, and
//! no modified answer makes a grant revoked without an OK for it.

#[path = "../../fuzz/entry.rs"]
mod entry;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::sync::Arc;

/// Runs a test with the same cases each time.
fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(strategy, |value| {
            test(value);
            Ok(())
        })
        .expect("every case holds");
}

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Delete(usize, usize),
    Insert(usize, Vec<u8>),
    /// Copies some bytes to another place.
    Copy(usize, usize, usize),
    Cut(usize),
}

/// Texts to insert anywhere.
const WORDS: [&str; 14] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    "OK",
    "null",
    "\"Code\":\"OK\",",
    "<",
    "\u{feff}",
    "\\u0000",
    "\n",
    "\r",
];

fn change() -> impl Strategy<Value = Change> {
    let word = prop_oneof![
        (0..WORDS.len()).prop_map(|at| WORDS[at].as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    let place = || 0_usize..600;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (place(), 1_usize..40).prop_map(|(at, len)| Change::Delete(at, len)),
        (place(), word).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (place(), 1_usize..200, place()).prop_map(|(at, len, to)| Change::Copy(at, len, to)),
        place().prop_map(Change::Cut),
    ]
}

fn apply_all(bytes: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
        apply(bytes, change);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let len = bytes.len().max(1);
    match change {
        Change::Flip(at, bits) => {
            if let Some(byte) = bytes.get_mut(at % len) {
                *byte ^= bits;
            }
        }
        Change::Delete(at, count) => {
            let from = (at % len).min(bytes.len());
            bytes.drain(from..(from + count).min(bytes.len()));
        }
        Change::Insert(at, more) => {
            let at = (at % len).min(bytes.len());
            bytes.splice(at..at, more.iter().copied());
        }
        Change::Copy(at, count, to) => {
            let from = (at % len).min(bytes.len());
            let copied = bytes[from..(from + count).min(bytes.len())].to_vec();
            let to = (to % len).min(bytes.len());
            bytes.splice(to..to, copied);
        }
        Change::Cut(at) => bytes.truncate(at % len),
    }
}

/// Valid answers to [`entry::request`], with other codes than OK for some.
const ANSWERS: [&str; 5] = [
    r#"{"RequestId":"R","Results":[{"HostId":"1","UserId":"7","Code":"UNEXPECTED","HostAccounts":[]},{"HostId":"2","UserId":"7","Code":"OK","HostAccounts":[{"HostAccountId":"3","Code":"OK","Message":"None"},{"HostAccountId":"4","Code":"OBJECT_NOT_FOUND"}]},{"HostId":"5","UserId":"7","Code":"OK","HostAccounts":[{"HostAccountId":"6","Code":"OK"}]}]}"#,
    r#"{"RequestId":"R","Results":[{"HostId":1,"UserId":7,"Code":"OK"},{"HostId":2,"Code":"UNEXPECTED"},{"HostAccounts":{"HostAccountId":6,"Code":"UNEXPECTED"}},{"HostId":5,"Code":"OK"}]}"#,
    r#"{"RequestId":"R","Results":{"HostId":"1","Code":"OBJECT_AlREADY_EXISTS"}}"#,
    r#"{"RequestId":"R","Code":"InvalidParameter","Message":"OK"}"#,
    r"<R><RequestId>R</RequestId><Results><HostId>1</HostId><Code>UNEXPECTED</Code></Results><Results><HostId>5</HostId><Code>OK</Code><HostAccounts><HostAccountId>6</HostAccountId><Code>INVALID_ARGUMENT</Code></HostAccounts></Results></R>",
];

/// The ids of the four grants: of the account, or of the whole target.
const IDS: [&str; 4] = ["1", "3", "4", "6"];

/// Whether a JSON text contains an OK for that id: an object with the id and an OK in another
/// member.
fn says_ok(value: &Value, id: &str) -> bool {
    let is_id = |value: &Value| match value {
        Value::String(text) => text == id,
        Value::Number(number) => number.to_string() == id,
        Value::Array(list) => list.iter().any(|value| value == id),
        _ => false,
    };
    let is_ok = |value: &Value| match value {
        Value::String(text) => text.eq_ignore_ascii_case("OK"),
        Value::Array(list) => {
            list.iter().any(|v| v.as_str().is_some_and(|text| text.eq_ignore_ascii_case("OK")))
        }
        _ => false,
    };
    match value {
        Value::Object(members) => {
            (members.values().any(is_id) && members.values().any(is_ok))
                || members.values().any(|value| says_ok(value, id))
        }
        Value::Array(list) => list.iter().any(|value| says_ok(value, id)),
        _ => false,
    }
}

#[test]
fn any_bytes_as_an_answer_revoke_nothing() {
    check(20_000, &prop::collection::vec(any::<u8>(), 0..200), |bytes| {
        assert_eq!(entry::answer(&bytes), [false; 4]);
        entry::error_body(&bytes);
    });
}

#[test]
fn a_modified_answer_revokes_only_grants_with_an_ok() {
    let cases = (0..ANSWERS.len(), prop::collection::vec(change(), 1..5));
    check(60_000, &cases, |(at, changes)| {
        let original = ANSWERS[at].as_bytes();
        let answer = entry::answer(original);
        let mut bent = original.to_vec();
        apply_all(&mut bent, &changes);
        let says = entry::answer(&bent);
        entry::error_body(&bent);
        for (at, id) in IDS.into_iter().enumerate() {
            if says[at] && !answer[at] {
                let text = String::from_utf8_lossy(&bent).into_owned();
                let literally = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
                    Ok(value) => says_ok(&value, id),
                    // XML: the code itself was changed into OK, or one was copied there.
                    Err(_) => {
                        text.contains(&format!("<HostId>{id}</HostId>"))
                            || text.contains(&format!("<HostAccountId>{id}</HostAccountId>"))
                    }
                };
                assert!(literally, "{id} is revoked by\n{text}");
            }
        }
    });
}

#[test]
fn any_list_is_read_twice_with_the_same_result() {
    let scratch = Arc::new(tempfile::tempfile().unwrap());
    let samples = [
        "user,kind,target,account\n7,host,1,*\n7,host,2,3\n\"8\",db,9,\"a\"\"b\"\n",
        "user;host;account\r\n007;1;*\r\n用户;2;根\r\n",
        "{\"user\":\"7\",\"kind\":\"host\",\"target\":1,\"account\":\"*\"}\n{\"user\":[]}\n",
        "\u{feff}user\tgroup\taccount\n7\t1\troot\n\n7\t1\n",
    ];
    let any_bytes = prop::collection::vec(any::<u8>(), 0..300);
    check(4_000, &any_bytes, |bytes| entry::list(&bytes, &scratch));
    let cases = (0..samples.len(), prop::collection::vec(change(), 0..6));
    check(12_000, &cases, |(at, changes)| {
        let mut bent = samples[at].as_bytes().to_vec();
        apply_all(&mut bent, &changes);
        entry::list(&bent, &scratch);
    });
}
