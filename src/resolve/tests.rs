//! The resolver against a directory in memory.

use super::*;
use crate::input::{
    NameKind, NameQuery, ObjectKind, Options, Problem, Reader, Resolution, RowContent, Source,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

/// A directory of fixed listings, by operation, parent and filter.
#[derive(Default)]
struct FakeDirectory {
    listings: BTreeMap<String, Listing>,
    calls: Mutex<Vec<String>>,
}

fn key_text(key: &ListingKey) -> String {
    let filter = key.filter.as_ref().map(|(by, text)| format!(" {by:?}={text}"));
    let parent =
        if key.parent_id.is_empty() { String::new() } else { format!(" {}", key.parent_id) };
    format!("{key}{parent}{}", filter.unwrap_or_default())
}

impl FakeDirectory {
    fn with(mut self, key: &str, listing: Listing) -> Self {
        self.listings.insert(key.to_owned(), listing);
        self
    }
}

impl Directory for FakeDirectory {
    type Error = Infallible;

    async fn list(&self, key: &ListingKey) -> Result<Listing, Infallible> {
        let key = key_text(key);
        self.calls.lock().unwrap().push(key.clone());
        Ok(self.listings.get(&key).cloned().unwrap_or(Listing::Complete(Vec::new())))
    }
}

fn named(id: &str, name: &str) -> Candidate {
    Candidate { id: id.into(), name: name.into(), ..Candidate::default() }
}

fn list(text: &str) -> Vec<Source> {
    vec![Source::memory("list.csv", text.as_bytes())]
}

/// The rows after the names have been looked up, and the calls.
async fn resolved(text: &str, directory: FakeDirectory) -> (Vec<String>, Vec<String>) {
    let sources = list(text);
    let mut seen = Vec::new();
    let options = resolve(&sources, &Options::default(), &directory, &mut |progress| {
        seen.push(progress);
    })
    .await
    .unwrap();
    let calls = directory.calls.into_inner().unwrap();
    assert_eq!(seen.last().map_or(0, |progress| progress.done), calls.len());
    let mut reader = Reader::new(sources, Arc::new(options));
    let mut rows = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        rows.push(match row.content {
            RowContent::Grant(grant) => {
                format!("{} {} {:?}", grant.grantee.id, grant.target, grant.account)
            }
            RowContent::Invalid(problems) => {
                problems.iter().map(Problem::message).collect::<Vec<_>>().join("; ")
            }
            other => panic!("{other:?}"),
        });
    }
    (rows, calls)
}

#[tokio::test]
async fn each_distinct_name_is_looked_up_once_and_accounts_after_their_targets() {
    let directory = FakeDirectory::default()
        .with("ListUsers Name=lina", Listing::Complete(vec![named("17", "lina")]))
        .with("ListHosts Name=web-1", Listing::Complete(vec![named("1027", "web-1")]))
        .with(
            "ListHostAccounts 1027",
            Listing::Complete(vec![named("1", "root"), named("2", "ops")]),
        )
        .with("ListDatabases", Listing::Complete(vec![named("5", "orders"), named("6", "stock")]));
    let text = "user_name,host_name,db_name,account_name\nlina,web-1,,root\nlina,web-1,,ops\n\
                lina,web-1,,*\nlina,,orders,*\nlina,,stock,*\n";
    let (rows, calls) = resolved(text, directory).await;
    assert_eq!(
        rows,
        [
            "17 1027 Named(\"1\")",
            "17 1027 Named(\"2\")",
            "17 1027 Whole",
            "17 5 Whole",
            "17 6 Whole",
        ]
    );
    assert_eq!(
        calls,
        ["ListUsers Name=lina", "ListHosts Name=web-1", "ListDatabases", "ListHostAccounts 1027",]
    );
}

#[tokio::test]
async fn several_hits_make_the_row_invalid_with_the_candidates() {
    let user = |id: &str, source: &str, state: &str| Candidate {
        display_name: "Li Wei".into(),
        source: source.into(),
        state: state.into(),
        ..named(id, "li.wei")
    };
    let three = vec![
        user("18", "Local", "Normal"),
        user("19", "AD", "Frozen"),
        user("20", "Ram", "Normal"),
    ];
    let directory =
        FakeDirectory::default().with("ListUsers Name=li.wei", Listing::Complete(three));
    let (rows, _) = resolved("user_name,host,account\nli.wei,2,*\n", directory).await;
    assert_eq!(
        rows,
        [
            "column 1 (user_name): a name of several objects \"li.wei\": 3 have it: id 18 (Li Wei, Local, \
          Normal), id 19 (Li Wei, AD, Frozen), id 20 (Li Wei, Ram, Normal); write the id in a column user"
        ]
    );
}

#[tokio::test]
async fn a_listing_that_ignores_case_gives_no_id() {
    let directory = FakeDirectory::default()
        .with("ListUsers Name=li.wei", Listing::Complete(vec![named("18", "Li.Wei")]));
    let (rows, _) = resolved("user_name,host,account\nli.wei,2,*\n", directory).await;
    assert_eq!(
        rows,
        [
            "column 1 (user_name): a name that was not found \"li.wei\": there is no user with the name \
          \"li.wei\"; similar: id 18 (Li.Wei); correct the name, or write the id in a column user"
        ]
    );
}

#[tokio::test]
async fn an_incomplete_or_refused_listing_never_gives_an_id() {
    let one = vec![named("17", "lina")];
    for listing in [
        Listing::Incomplete { candidates: one.clone(), reason: "1 of 2 were read".into() },
        Listing::Incomplete { candidates: Vec::new(), reason: "TotalCount changed".into() },
        Listing::NotChecked("ListUsers: NoPermission".into()),
    ] {
        let directory = FakeDirectory::default().with("ListUsers Name=lina", listing);
        let (rows, _) = resolved("user_name,host,account\nlina,2,*\n", directory).await;
        assert!(rows[0].contains("a name that could not be looked up \"lina\""), "{rows:?}");
        assert!(rows[0].contains("write the id in a column user"), "{rows:?}");
    }
}

#[test]
fn the_protocol_chooses_between_accounts_of_one_name() {
    let account =
        |id: &str, protocol: &str| Candidate { protocol: protocol.into(), ..named(id, "root") };
    let listing =
        Listing::Complete(vec![account("1", "SSH"), account("2", "RDP"), account("1", "SSH")]);
    let query = |protocol: &str| NameQuery {
        instance_id: "i".into(),
        region: "r".into(),
        object: ObjectKind::HostAccount,
        parent_id: "2".into(),
        by: NameKind::Name,
        text: "root".into(),
        protocol: protocol.into(),
    };
    assert_eq!(decide(&query("ssh"), &listing), Resolution::Id("1".into()));
    assert_eq!(decide(&query("RDP"), &listing), Resolution::Id("2".into()));
    let Resolution::Ambiguous(text) = decide(&query(""), &listing) else { panic!("two accounts") };
    assert!(
        text.contains("id 1 (SSH), id 2 (RDP)") && text.contains("add a column protocol"),
        "{text}"
    );
    assert!(matches!(decide(&query("VNC"), &listing), Resolution::Unknown(_)));
}

#[test]
fn lists_without_names_are_not_read_for_names() {
    let has = |text: &str| has_names(&list(text), &Options::default());
    assert!(has("user_name,host,account\nlina,2,3\n"));
    assert!(has("user,host,account_name\n1,2,root\n"));
    assert!(has(
        "{\"user\":\"1\",\"host\":2,\"account\":\"3\"}\n{\"user_name\":\"lina\",\"host\":2,\"account\":\"3\"}\n"
    ));
    assert!(!has("user,host,account\n1,2,3\n"));
    assert!(!has("user,user_name,host,host_name,account\n1,lina,2,web-1,3\n"), "names beside ids");
    assert!(!has("user,group,account_name\n1,2,root\n"));
    assert!(!has("user_name,host\nlina,2\n"), "the first pass reports it");
}

/// Answers only when two listings are being read.
struct Pairs(tokio::sync::Barrier);

impl Directory for Pairs {
    type Error = Infallible;

    async fn list(&self, _key: &ListingKey) -> Result<Listing, Infallible> {
        self.0.wait().await;
        Ok(Listing::Complete(vec![named("17", "lina"), named("18", "li.wei")]))
    }
}

#[tokio::test(start_paused = true)]
async fn listings_are_read_at_the_same_time() {
    let sources = list("user_name,host_id,account\nlina,1027,root\nli.wei,1027,root\n");
    let (options, directory) = (Options::default(), Pairs(tokio::sync::Barrier::new(2)));
    let mut seen = Vec::new();
    let mut progress = |progress: Progress| seen.push(progress.done);
    let looked_up = resolve(&sources, &options, &directory, &mut progress);
    let hour = std::time::Duration::from_secs(3600);
    let options = tokio::time::timeout(hour, looked_up).await.expect("one waits for the other");
    let Ok(options) = options;
    assert_eq!(options.names.map(|names| names.len()), Some(2));
    assert_eq!(seen, [1, 2]);
}
