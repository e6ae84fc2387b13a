//! JSON Lines.

use super::*;

#[test]
fn members_come_in_any_order_and_under_any_of_their_names() {
    let list = r#"{"account":"3","target":"2","kind":"host","user":"1"}
{"UserId":"1","HostId":"2","AccountId":"3","x":null}

{"user":"1","kind":"db","target":"2","account":"3","x":[1,{"user":"9"}]}
"#;
    assert_eq!(read(list), ["user 1 host 2 3", "user 1 host 2 3", "user 1 database 2 3"]);
}

#[test]
fn whole_numbers_are_ids_as_they_are_written_and_other_values_are_not() {
    let row = |value: &str| {
        read(format!("{{\"user\":{value},\"host\":\"2\",\"account\":\"3\"}}\n")).remove(0)
    };
    assert_eq!(row("12345678901234567890123"), "user 12345678901234567890123 host 2 3");
    assert_eq!(row("\"007\""), "user 007 host 2 3");
    assert_eq!(row("null"), "invalid: no_grantee");
    assert_eq!(row("\" \""), "invalid: no_grantee");
    for value in ["1.0", "1e5", "1.2E+15", "true", "{\"id\":1}"] {
        assert_eq!(row(value), "invalid: wrong_type", "{value}");
    }
    for list in ["[\"1\"]", "[1,2]", "[]"] {
        assert_eq!(row(list), "invalid: several_values", "{list}");
    }
}

#[test]
fn a_line_that_is_no_object_is_an_invalid_row_and_the_next_one_is_read() {
    let good = r#"{"user":"1","host":"2","account":"3"}"#;
    let list = format!("{good}\n[1]\n\"x\"\nnull\n{{\"user\":\n{good} x\n{{'user':1}}\n{good}\n");
    assert_eq!(
        read(list),
        [
            "user 1 host 2 3",
            "invalid: not_an_object",
            "invalid: not_an_object",
            "invalid: not_an_object",
            "invalid: bad_json",
            "invalid: bad_json",
            "invalid: bad_json",
            "user 1 host 2 3",
        ]
    );
}

#[test]
fn the_place_of_an_error_is_reported() {
    let list = "{\"user\":\"1\"}\n{\"user\":\"中\" \"host\":1}\n";
    let messages = problems(list);
    assert_eq!(
        messages.last().unwrap(),
        "list.csv, line 2: not JSON \"\"host\":1}\": expected `,` or `}` at character 13; write \
         one JSON object on each line"
    );
    assert_eq!(
        messages[0],
        "list.csv, line 1: blank target: write the id of the host, host group or database"
    );
}

#[test]
fn the_same_member_twice_makes_the_row_invalid() {
    assert_eq!(
        read(r#"{"user":"1","host":"2","account":"3","account":"*"}"#),
        ["invalid: repeated_member"]
    );
    assert_eq!(
        read(r#"{"user":"1","host":"2","account":"3","n":1,"\u006e":2}"#),
        ["invalid: repeated_member"]
    );
}

#[test]
fn of_two_members_that_mean_the_same_only_one_may_be_filled() {
    let row = |rest: &str| read(format!("{{\"host\":\"2\",{rest}}}\n")).remove(0);
    assert_eq!(row(r#""user":"1","user_id":"1","account":"3""#), "invalid: ambiguous_members");
    assert_eq!(row(r#""user":null,"user_id":"1","account":"3""#), "user 1 host 2 3");
    assert_eq!(row(r#""user":"1","user_id":"","account":"3""#), "user 1 host 2 3");
    assert_eq!(row(r#""user":"1","account":"3","account_id":"4""#), "invalid: ambiguous_members");
    assert_eq!(row(r#""user":"1","account":"3","account_id":null"#), "user 1 host 2 3");
    assert_eq!(row(r#""user":"1","account_name":"root","account_id":"4""#), "user 1 host 2 4");
    assert_eq!(
        row(r#""user":"1","account_name":"root","account_id":null"#),
        "invalid: blank_account"
    );
    assert_eq!(row(r#""user":"1","account":"3","kind":"host""#), "invalid: mixed_forms");
    assert_eq!(row(r#""user":"1","account":"3","kind":null,"target":"""#), "user 1 host 2 3");
    assert_eq!(row(r#""user":"1","account":"3","db":"5""#), "invalid: several_targets");
}

#[test]
fn a_member_of_an_earlier_row_does_not_affect_a_later_one() {
    let list = r#"{"user":"1","host":"2","account":"3"}
{"user":"1","host":"2"}
{"host":"2","account":"3"}
{"user":"1","account":"3"}
"#;
    assert_eq!(
        read(list),
        [
            "user 1 host 2 3",
            "invalid: blank_account",
            "invalid: no_grantee",
            "invalid: blank_target"
        ]
    );
}

#[test]
fn a_member_that_a_row_lacks_does_not_count_as_a_blank_one() {
    let list = r#"{"user":"1","host":"2","account_id":"3","instance":"i"}
{"user":"1","host":"2","account_name":"root"}
{"user":"1","host":"2","account_id":null,"account_name":"root","instance":null}
"#;
    assert_eq!(
        read(list),
        [
            "user 1 host 2 3 in i/cn-hangzhou",
            "user 1 host 2 root",
            "invalid: blank_account blank_instance",
        ]
    );
}

#[test]
fn escapes_are_undone_and_nested_values_are_compact() {
    let list = "{\"user\":\"\\u0031\",\"host\":\"2\",\"account\":\"3\",\"s\":\"a\\n\\\"\\u4e2d\\ud83d\\ude00\",\
                \"n\": 1.50e+3 ,\"b\":true,\"nested\": { \"a b\" : [ 1 , \" \\\" \" ] } }\n";
    assert_eq!(read(list), ["user 1 host 2 3"]);
    let (columns, rows) = table(&[memory(list)]);
    assert_eq!(columns, ["user", "host", "account", "s", "n", "b", "nested"]);
    assert_eq!(rows, [["1", "2", "3", "a\n\"中😀", "1.50e+3", "true", "{\"a b\":[1,\" \\\" \"]}"]]);
}

#[test]
fn half_a_surrogate_makes_the_row_invalid() {
    assert_eq!(
        read("{\"user\":\"1\\ud800\",\"host\":\"2\",\"account\":\"3\"}"),
        ["invalid: bad_json"]
    );
}

#[test]
fn the_readable_part_of_a_broken_line_is_kept() {
    let (columns, rows) = table(&[memory("{\"user\":\"1\",\"host\":\"2\" \"account\":\"3\"}\n")]);
    assert_eq!(columns, ["user", "host"]);
    assert_eq!(rows, [["1", "2"]]);
}

#[test]
fn json_over_several_lines_is_distinguished_from_json_lines() {
    assert!(refused("[{\"user\":1}]").contains("this is a JSON array"));
    assert!(refused("{\n  \"user\": 1\n}\n").contains("one object over several lines"));
}

#[test]
fn too_many_members_are_refused_with_bounded_memory() {
    let lines: Vec<_> = (0..=MAX_COLUMNS).map(|id| format!("{{\"id{id}\":1}}")).collect();
    let list = lines.join("\n");
    assert!(refused(list).contains("more than 4096 different columns"));
}

#[test]
fn a_deeply_nested_value_does_no_harm() {
    let deep = "[".repeat(100_000);
    let list = format!("{{\"user\":\"1\",\"host\":\"2\",\"account\":\"3\",\"deep\":{deep}}}\n");
    assert_eq!(read(list), ["invalid: bad_json"]);
}
