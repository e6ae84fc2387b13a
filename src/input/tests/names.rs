//! Names in place of ids.

use proptest::prelude::*;

use super::random::check;
use super::*;

/// Reads with these answers; `None`: names are not read.
fn rows_with(list: &str, names: Option<Resolutions>) -> Vec<String> {
    let options = Options { names: names.map(Arc::new), ..Options::default() };
    let mut reader = reader(list.as_bytes(), options);
    let mut rows = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        let text = row_text(&row);
        rows.push(text.strip_prefix("unresolved: ").unwrap_or(&text).to_owned());
    }
    rows
}

fn unresolved(list: &str) -> Vec<String> {
    rows_with(list, Some(Resolutions::default()))
}

/// The answers to all names of a list: what `answer` says of each.
fn answered(list: &str, answer: impl Fn(&NameQuery) -> Resolution) -> Vec<String> {
    let mut names = Resolutions::default();
    for _ in 0..2 {
        let options = Options { names: Some(Arc::new(names.clone())), ..Options::default() };
        let mut reader = reader(list.as_bytes(), options);
        while let Some(row) = reader.next().unwrap() {
            if let RowContent::Unresolved(queries) = row.content {
                for query in queries {
                    names.insert(query.clone(), answer(query));
                }
            }
        }
    }
    rows_with(list, Some(names))
}

fn id_of(query: &NameQuery) -> Resolution {
    Resolution::Id(format!("id-{}", query.text.replace(' ', "_")))
}

#[test]
fn every_column_of_names_asks_for_its_object() {
    let header = "user_name,user_display_name,user_group_name,user,host_name,host_address,\
                  host_group_name,db_name,db_address,account";
    let rows = [
        ("lina,,,,web-1,,,,,3", "user with the name \"lina\" + host with the name \"web-1\""),
        (
            ",Li Na,,,,10.0.0.1,,,,*",
            "user with the display name \"Li Na\" + host with the address \"10.0.0.1\"",
        ),
        (
            ",,ops,,,,web tier,,,root",
            "user group with the name \"ops\" + host group with the name \"web tier\"",
        ),
        (",,,7,,,,orders,,3", "database with the name \"orders\""),
        (",,,7,,,,,db.corp:3306,3", "database with the address \"db.corp:3306\""),
    ];
    for (row, expected) in rows {
        assert_eq!(unresolved(&format!("{header}\n{row}\n")), [expected]);
    }
    assert!(
        refused(format!("{header}\n")).contains("holds names"),
        "names are not read by default"
    );
}

#[test]
fn accounts_are_asked_for_when_their_target_is_known() {
    let list = "user,host_name,account_name,protocol\n7,web-1,root,SSH\n7,web-1,*,\n";
    assert_eq!(unresolved(list), ["host with the name \"web-1\""; 2]);
    let rows = answered(list, id_of);
    assert_eq!(rows, ["user 7 host id-web-1 id-root", "user 7 host id-web-1 whole"]);
    let by_id =
        "user,kind,target,account_name,protocol\n7,host,2,root,SSH\n7,db,3,app,\n7,group,4,root,\n";
    assert_eq!(
        unresolved(by_id),
        [
            "account on the host 2 with the name \"root\" and the protocol SSH",
            "account on the database 3 with the name \"app\"",
            "user 7 host-group 4 root",
        ]
    );
    let both = "user,host,account_id,account_name\n7,2,3,root\n7,2,,root\n";
    assert_eq!(
        unresolved(both),
        ["user 7 host 2 3", "account on the host 2 with the name \"root\""],
        "an id is used, and the name beside it is only carried"
    );
}

#[test]
fn each_field_is_named_in_exactly_one_way() {
    let list = "user,user_group,user_name,user_display_name,user_group_name,host,host_name,\
                host_address,group,host_group_name,db_name,account\n\
                7,,lina,,,2,web-1,,,,,3\n\
                ,,lina,Li Na,,2,,,,,,3\n\
                ,,lina,,ops,2,,,,,,3\n\
                7,,,,ops,2,,,,,,3\n\
                ,8,lina,,,2,,,,,,3\n\
                7,,,,,,web-1,10.0.0.1,,,,3\n\
                7,,,,,,web-1,,,web,,3\n\
                7,,,,,2,,,,web,,3\n\
                7,,,,,,web-1,,4,,,3\n\
                7,,,,,,,,,,,3\n\
                ,,,,,2,,,,,,3\n";
    assert_eq!(
        unresolved(list),
        [
            "user 7 host 2 3",
            "invalid: several_names",
            "invalid: two_grantees",
            "invalid: two_grantees",
            "invalid: two_grantees",
            "invalid: several_names",
            "invalid: several_targets",
            "invalid: several_targets",
            "invalid: several_targets",
            "invalid: blank_target",
            "invalid: no_grantee",
        ]
    );
    let kinds = "user,kind,target,host_name,account\n7,host,,web-1,3\n7,db,,web-1,3\n7,,,web-1,3\n7,host,2,web-1,3\n";
    assert_eq!(
        unresolved(kinds),
        [
            "host with the name \"web-1\"",
            "invalid: mixed_forms",
            "host with the name \"web-1\"",
            "user 7 host 2 3",
        ]
    );
}

#[test]
fn only_a_single_answer_gives_a_grant() {
    let list = "user_name,host,account\nlina,2,3\nli.wei,2,3\nnobody,2,3\nhidden,2,3\n";
    let rows = answered(list, |query| match query.text.as_str() {
        "lina" => Resolution::Id("17".into()),
        "li.wei" => Resolution::Ambiguous("2 have it: id 18, id 19; write the id".into()),
        "nobody" => Resolution::Unknown("there is none".into()),
        _ => Resolution::NotChecked("NoPermission".into()),
    });
    assert_eq!(
        rows,
        [
            "user 17 host 2 3",
            "invalid: ambiguous_name",
            "invalid: unknown_name",
            "invalid: name_not_checked",
        ]
    );
    let bad = answered("user_name,host,account\nlina,2,3\n", |_| Resolution::Id("1,2".into()));
    assert_eq!(bad, ["invalid: name_not_checked"], "an id that no row could hold");
}

#[test]
fn json_lines_and_map_name_objects_too() {
    let list = "{\"user_name\":\"lina\",\"host_name\":\"web-1\",\"account\":\"*\"}\n\
                {\"user\":\"7\",\"host\":2,\"account\":\"3\"}\n";
    assert_eq!(
        unresolved(list),
        ["user with the name \"lina\" + host with the name \"web-1\"", "user 7 host 2 3"]
    );
    let options = Options {
        names: Some(Arc::default()),
        ..mapped(&[(Field::UserName, "Login"), (Field::HostName, "Server")])
    };
    let mut reader = reader(b"Login,Server,account\nlina,web-1,*\n", options);
    assert!(matches!(reader.next().unwrap().unwrap().content, RowContent::Unresolved([_, _])));
}

#[test]
fn a_name_is_never_an_id_whatever_it_looks_like() {
    let name = "[0-9]{1,12}|[a-z]{1,6}[0-9.-]{0,4}|[A-Z][a-z]+ [A-Z][a-z]+";
    check(400, &(name, name, prop::bool::ANY), |(user, host, is_known)| {
        let list = format!("user_name,host_name,account\n{user},{host},*\n");
        let rows = answered(&list, |query| {
            if is_known { id_of(query) } else { Resolution::Unknown("none".into()) }
        });
        if is_known {
            let [user, host] = [user, host].map(|name| name.replace(' ', "_"));
            assert_eq!(rows, [format!("user id-{user} host id-{host} whole")]);
        } else {
            assert_eq!(rows, ["invalid: unknown_name unknown_name"]);
        }
    });
}

#[test]
fn answers_are_stored_as_json_and_read_back() {
    let mut names = Resolutions::default();
    let query = NameQuery {
        instance_id: "i-1".into(),
        region: "cn-hangzhou".into(),
        object: ObjectKind::HostAccount,
        parent_id: "2".into(),
        by: NameKind::Name,
        text: "root".into(),
        protocol: "SSH".into(),
    };
    names.insert(query.clone(), Resolution::Id("3".into()));
    names.insert(NameQuery { text: "x".into(), ..query }, Resolution::NotChecked("why".into()));
    let json = serde_json::to_string(&names).unwrap();
    assert_eq!(serde_json::from_str::<Resolutions>(&json).unwrap(), names);
}
