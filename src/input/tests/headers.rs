//! Which column means what.

use super::*;

#[test]
fn case_spaces_and_joints_in_column_names_do_not_matter() {
    for header in [
        "UserId,Kind,Target,Account",
        "user_id,KIND,target_id,account_id",
        " User-ID , kind,target , Account Name",
        "用户ID,类型,目标,账户",
        "用户 id,目标类型,目标ID,账号ID",
        "用户ID,类型,目标ID,帐号名称",
        "ＵｓｅｒＩＤ,kind,target,account",
    ] {
        assert_eq!(read(format!("{header}\n1,host,2,3\n")), ["user 1 host 2 3"], "{header}");
    }
}

#[test]
fn host_group_and_db_columns_stand_for_kind_and_target() {
    let list = "user,host,group,db,account\n1,2,,,3\n1,,2,,ops user\n1,,,2,*\n1,2,3,,4\n1,,,,4\n";
    assert_eq!(
        read(list),
        [
            "user 1 host 2 3",
            "user 1 host-group 2 ops user",
            "user 1 database 2 whole",
            "invalid: several_targets",
            "invalid: blank_target",
        ]
    );
    assert_eq!(read("用户组ID,主机组ID,账户名称\n1,2,根\n"), ["user group 1 host-group 2 根"]);
    assert_eq!(read("user_id,database_id,account_id\n1,2,3\n"), ["user 1 database 2 3"]);
    assert_eq!(read("UserId,HostId,AccountId\n1,2,3\n"), ["user 1 host 2 3"]);
}

#[test]
fn a_name_is_never_read_as_an_id() {
    for header in
        ["user_name,kind,target,account", "用户名,kind,target,account", "name,kind,target,account"]
    {
        let error = refused(format!("{header}\n1,host,2,3\n"));
        assert!(error.contains("no column user (or user_group); the header has:"), "{error}");
    }
    assert!(refused("user,host_name,account\n").contains("no column kind and target"));
    assert!(refused("user,主机名,account\n").contains("holds names, and the API takes ids"));
}

#[test]
fn ids_are_read_on_hosts_and_names_on_host_groups_where_both_are_given() {
    let list = "user,kind,target,account_id,account_name\n\
                1,host,2,30,root\n1,database,2,30,root\n1,group,2,30,root\n\
                1,host,2,,root\n1,group,2,*,\n1,group,2,,*\n";
    assert_eq!(
        read(list),
        [
            "user 1 host 2 30",
            "user 1 database 2 30",
            "user 1 host-group 2 root",
            "invalid: blank_account",
            "invalid: blank_account",
            "user 1 host-group 2 whole",
        ]
    );
}

#[test]
fn a_mapped_column_comes_before_any_automatic_match() {
    let list = b"Who,user,kind,target,account\n7,1,host,2,3\n";
    let rows = read_with(list, mapped(&[(Field::User, "Who")])).unwrap();
    assert_eq!(rows, ["user 7 host 2 3"]);
    let rows = read_with(list, mapped(&[(Field::User, "who")])).unwrap();
    assert_eq!(rows, ["user 7 host 2 3"]);
    let rows =
        read_with(b"user,kind,host,account\n1,host,2,3\n", mapped(&[(Field::Target, "host")]));
    assert_eq!(rows.unwrap(), ["user 1 host 2 3"]);
}

#[test]
fn a_mapped_account_settles_which_column_holds_the_account() {
    let list = b"user,host,account,id\n1,2,root,3\n";
    let rows = read_with(list, mapped(&[(Field::AccountId, "id")])).unwrap();
    assert_eq!(rows, ["user 1 host 2 3"]);
    let both = mapped(&[(Field::AccountId, "id"), (Field::AccountName, "id")]);
    assert_eq!(read_with(list, both).unwrap(), ["user 1 host 2 3"]);
    let list = b"user,host,account_id,account_name\n1,2,3,root\n";
    let rows = read_with(list, mapped(&[(Field::Account, "account_name")])).unwrap();
    assert_eq!(rows, ["user 1 host 2 root"]);
}

#[test]
fn a_column_can_be_left_unread() {
    let list = b"user,kind,target,account,host\n1,host,2,3,web-1\n";
    assert!(refused(list).contains("name the target in two ways"));
    let rows = read_with(list, mapped(&[(Field::Host, "")])).unwrap();
    assert_eq!(rows, ["user 1 host 2 3"]);
}

#[test]
fn a_mapped_column_must_be_there_and_the_nearest_is_named() {
    let list = b"employee,kind,target,account\n1,host,2,3\n";
    assert_eq!(
        refused_with(list, mapped(&[(Field::User, "employe")])),
        "list.csv, line 1: --map user=employe: no such column; the header has: employee, kind, \
         target, account: did you mean --map user=employee?"
    );
    let list = b"{\"user\":\"1\",\"kind\":\"host\",\"target\":\"2\",\"account\":\"3\",\"instance\":\"i\"}\n";
    let error = refused_with(list, mapped(&[(Field::InstanceId, "instanz")]));
    assert!(error.contains("did you mean --map instance_id=instance?"), "{error}");
}

#[test]
fn a_map_must_not_contradict_itself() {
    let list = b"a,kind,target,account\n1,host,2,3\n";
    let error = refused_with(list, mapped(&[(Field::User, "a"), (Field::User, "kind")]));
    assert!(error.contains("--map gives user twice"), "{error}");
    let error = refused_with(list, mapped(&[(Field::User, "a"), (Field::Target, "a")]));
    assert!(error.contains("reads user and target from the column a"), "{error}");
}

#[test]
fn two_columns_of_one_meaning_are_refused() {
    assert_eq!(
        refused("user,user_id,kind,target,account\n"),
        "list.csv, line 1, column 2 (user_id): the columns user and user_id both mean user: say \
         which one is meant, with --map user=user or --map user=user_id"
    );
    assert!(refused("user,kind,target,account,account_name\n").contains("both mean account"));
    assert!(
        refused("user,kind,target,account,ticket,ticket\n")
            .contains("the column ticket occurs twice")
    );
}

#[test]
fn missing_columns_are_all_named_with_what_was_found() {
    let error = refused("1,host,2,3\n");
    assert_eq!(
        error,
        "list.csv, line 1: no column user (or user_group), nor kind and target (or host, group, \
         db), nor account; the header has: 1, host, 2, 3: the first line must be a header that \
         names them; for a column of another name write --map user=COLUMN"
            .replace("nor kind and target (or host, group, db), ", "")
    );
    assert!(refused("user,target,account\n").contains("no column kind;"));
    assert!(refused("user,kind,account\n").contains("no column target;"));
    assert!(refused("user,host\n").contains("no column account;"));
}

#[test]
fn columns_without_a_name_are_carried_under_their_number() {
    let (columns, rows) = table(&[memory(",user,host,account,,\n0,1,2,3,,x\n")]);
    assert_eq!(columns, ["column_1", "user", "host", "account", "column_5", "column_6"]);
    assert_eq!(rows, [["0", "1", "2", "3", "", "x"]]);
}

#[test]
fn the_columns_of_several_inputs_are_joined_by_first_appearance() {
    let one = memory("ticket,user,host,account\nT1,1,2,3\n");
    let two = memory("{\"user\":1,\"db\":2,\"account\":3,\"note\":{\"a\": [1, \"x y\"]}}\n");
    let three = memory("account;user;group\n\"a;b\";1;2\n");
    let (columns, rows) = table(&[one, two, three]);
    assert_eq!(columns, ["ticket", "user", "host", "account", "db", "note", "group"]);
    assert_eq!(rows[0], ["T1", "1", "2", "3", "", "", ""]);
    assert_eq!(rows[1], ["", "1", "", "3", "2", "{\"a\":[1,\"x y\"]}", ""]);
    assert_eq!(rows[2], ["", "1", "", "a;b", "", "", "2"]);
}

#[test]
fn a_line_is_plain_only_with_the_columns_of_the_union_in_their_order() {
    let lists = [
        "user,host,account\n1,2,a\n1,\"2\",a\n1,2,\n1,2,a b\n1,2\n1,2,a,\n1,2,\"a\"\n",
        "host,user,account\n2,1,a\n",
        "user,host,account,note\n1,2,a,x\n",
        "user;host;account;note\n1;2;a;x\n",
        "{\"user\":\"1\",\"host\":\"2\",\"account\":\"a\",\"note\":\"x\"}\n",
    ];
    let sources = lists.map(|list| Source::memory_in_steps("list", list.as_bytes(), usize::MAX));
    let mut reader = Reader::new(sources.to_vec(), Arc::default());
    let mut lines = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        let line = |columns| row.cells.plain_line(columns).unwrap_or("-").to_owned();
        lines.push([line(3), line(4)]);
    }
    let none = ["-", "-"];
    let first = [["1,2,a", "-"], none, ["1,2,", "-"], none, none, none, none];
    assert_eq!(lines[..7], first);
    assert_eq!(lines[7..], [none, ["-", "1,2,a,x"], none, none]);
}

#[test]
fn the_separator_is_detected_from_the_header() {
    for separator in [",", ";", "\t"] {
        let list = "user|kind|target|account|\"a,b\"\n1|host|2|3|\"x;y\"\n".replace('|', separator);
        assert_eq!(read(&list), ["user 1 host 2 3"], "{separator:?}");
        let quoted = "\"user\"|\"kind\"|\"target\"|\"account\"\n\"1\"|\"host\"|\"2\"|\"3\"\n";
        assert_eq!(read(quoted.replace('|', separator)), ["user 1 host 2 3"], "{separator:?}");
    }
}

#[test]
fn a_separator_that_gives_columns_a_meaning_comes_before_one_that_gives_more() {
    assert_eq!(read("user;host;account;x,y,z,v,w\n1;2;3;a\n"), ["user 1 host 2 3"]);
}

#[test]
fn a_first_line_with_the_separator_is_used() {
    assert_eq!(read("sep=;\r\nuser;host;account\r\n1;2;3\r\n"), ["user 1 host 2 3"]);
    assert_eq!(read("SEP=\t\nuser\thost\taccount\n1\t2\t3\n"), ["user 1 host 2 3"]);
    assert_eq!(read("sep=|\nuser|host|account\n1|2|3\n"), ["user 1 host 2 3"]);
    assert!(refused("sep=:\nuser:host:account\n").contains("unsupported separator"));
}

#[test]
fn a_pipe_separates_fields_like_the_other_separators() {
    let list = "user|kind|target|account|note\n1|host|2|3|\"a|b\"\n";
    assert_eq!(read(list), ["user 1 host 2 3"]);
    assert_eq!(table(&[memory(list)]).1, [["1", "host", "2", "3", "a|b"]]);
    let mut reader = reader(list.as_bytes(), Options::default());
    while reader.next().unwrap().is_some() {}
    assert_eq!(reader.formats()[0].to_string(), "list.csv: 1 row, CSV with |, utf-8");
}

#[test]
fn a_header_with_full_width_commas_is_reported() {
    let error = refused("user，kind，target，account\n1，host，2，3\n");
    assert!(
        error.contains(
            "the names are separated by the full-width comma ， (U+FF0C): replace it with"
        ),
        "{error}"
    );
}

#[test]
fn a_header_alone_has_no_rows_and_an_empty_file_is_refused() {
    assert!(read("user,host,account\n").is_empty());
    assert!(read("user,host,account").is_empty());
    for empty in ["", "\n\n", "\u{feff}", " \r\n\t\n"] {
        assert!(refused(empty).contains("the file is empty, without even a header"), "{empty:?}");
    }
}

#[test]
fn every_name_of_a_field_is_read_by_itself() {
    for field in Field::ALL {
        assert_eq!(field.name().parse(), Ok(field));
        let of_column = Field::of_column(field.name());
        assert_eq!(of_column.or_else(|| Field::of_name_column(field.name())), Some(field));
        assert!(of_column.is_none() || !field.is_name(), "names are never read as ids");
    }
    assert!("login".parse::<Field>().unwrap_err().to_string().contains("instance_id or region;"));
}
