//! README and the book: what they show is what the command prints, they explain everything, and
//! their links lead somewhere.

mod commands;
mod links;
mod markdown;
mod reference;
mod translation;
mod troubleshooting;

use std::path::{Path, PathBuf};

use bastion_revoke::model::{Action, Operation};

use crate::sandbox::Sandbox;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn readme() -> String {
    read("README.md")
}

/// The pages of a folder, from the root.
pub(crate) fn pages_in(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(folder);
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder of pages");
    let names = entries.map(|entry| folder.join(entry.expect("an entry").file_name()));
    names.filter(|name| name.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The English pages of the book.
pub(crate) fn book() -> Vec<PathBuf> {
    pages_in("docs/src")
}

/// The pages whose blocks of commands are run: README and the book.
pub(crate) fn pages_with_commands() -> Vec<PathBuf> {
    let mut pages = book();
    pages.push(PathBuf::from("README.md"));
    pages.sort();
    pages
}

/// Pages that tests make.
const MADE: [&str; 2] = ["docs/src/commands.md", "docs/src/troubleshooting.md"];

/// README and the pages of the book that people wrote, as one text.
pub(crate) fn written_pages() -> String {
    let is_made = |path: &PathBuf| MADE.iter().any(|made| path == Path::new(made));
    let pages = book().into_iter().filter(|path| !is_made(path));
    pages
        .map(|path| read(&path.display().to_string()))
        .fold(readme(), |all, page| all + "\n" + &page)
}

/// Compares a page that a test makes with the file, or writes it with `INSTA_UPDATE=always`.
pub(crate) fn assert_published(name: &str, page: &str) {
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        std::fs::write(root().join(name), page).expect("the page is written");
    }
    let published = std::fs::read_to_string(root().join(name)).unwrap_or_default();
    assert!(published == page, "{name} is out of date: run this test with INSTA_UPDATE=always");
}

#[test]
fn readme_has_at_most_150_lines() {
    let count = readme().lines().count();
    assert!(count <= 150, "{count} lines: a chapter belongs into docs/src");
}

#[test]
fn every_member_of_the_json_summary_is_explained() {
    let sandbox = Sandbox::new();
    let list = sandbox.sample("offboarding.csv");
    let ended = sandbox.ends(&["run", list, "--rehearse", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
    let schema = read("docs/src/scripts.md");
    let members = summary.as_object().expect("an object");
    let inner = members["requests"].as_object().expect("an object");
    for name in members.keys().chain(inner.keys()) {
        assert!(
            schema.contains(&format!("`{name}`")),
            "docs/src/scripts.md does not explain {name}"
        );
    }
}

#[test]
fn every_member_of_the_json_of_plan_and_check_is_explained() {
    let sandbox = Sandbox::new();
    let list = sandbox.sample("mistakes.csv");
    for (code, command, page) in [
        (0, &["plan", list, "--json", "--skip-invalid"][..], "docs/src/scripts.md"),
        (65, &["check", list, "--json"], "docs/src/spreadsheets.md"),
    ] {
        let ended = sandbox.ends(command);
        assert_eq!(ended.code, code, "{ended:?}");
        let object: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
        let names = object.as_object().expect("an object").keys();
        let of_finding = object["problems"][0].as_object().into_iter().flat_map(|it| it.keys());
        let explained = read(page);
        for name in names.chain(of_finding) {
            assert!(explained.contains(&format!("`{name}`")), "{page} does not explain {name}");
        }
    }
}

#[test]
fn the_policy_in_the_page_of_credentials_is_the_sample() {
    let page = read("docs/src/credentials.md");
    let blocks = markdown::Markdown::of(&page).blocks;
    let policy = blocks.iter().find(|block| block.info == "json").expect("a policy");
    assert_eq!(policy.text, read("samples/ram-policy-revoke.json"));
}

#[test]
fn every_exit_code_is_explained() {
    use bastion_revoke::exit::Exit;
    let table = read("docs/src/exit-codes.md");
    let documented: Vec<u8> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
        .collect();
    let all: Vec<u8> = (0..=u8::MAX).filter(|code| Exit::from_code(*code).is_some()).collect();
    assert_eq!(documented, all);
}

/// The file names in backticks of a page, such as `engine/decide.rs`.
fn file_names(page: &str) -> Vec<&str> {
    let endings = [".rs", ".md", ".toml", ".lua", ".sql", ".py"];
    let quoted = page.split('`').skip(1).step_by(2);
    quoted
        .flat_map(|text| text.split(' '))
        .filter(|name| endings.iter().any(|ending| name.ends_with(ending)) || name.ends_with('/'))
        .collect()
}

#[test]
fn every_file_named_for_contributors_exists() {
    let root = root();
    let mut count = 0;
    for page in ["docs/src/architecture.md", "CONTRIBUTING.md"] {
        let text = read(page);
        for name in file_names(&text) {
            count += 1;
            let exists = [root.to_owned(), root.join("src"), root.join("src/queue")]
                .iter()
                .any(|folder| folder.join(name).exists());
            assert!(exists, "{page} names {name}, which does not exist");
        }
    }
    assert!(count > 50, "the names are found: {count}");
}

/// The actions that a RAM policy of `samples` allows.
fn allowed_actions(name: &str) -> Vec<String> {
    let text = read(&format!("samples/{name}"));
    let policy: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let actions = policy["Statement"][0]["Action"].as_array().expect("a list").iter();
    let names = actions.map(|action| {
        let action = action.as_str().expect("text");
        action.strip_prefix("yundun-bastionhost:").expect("the product").to_owned()
    });
    names.collect()
}

#[test]
fn the_ram_policies_allow_what_is_called_and_nothing_that_grants() {
    let revoke = allowed_actions("ram-policy-revoke.json");
    let mut detach: Vec<&str> =
        bastion_revoke::model::Operation::ALL.iter().map(|operation| operation.name()).collect();
    let mut sorted: Vec<&str> = revoke.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    detach.sort_unstable();
    assert_eq!(sorted, detach);
    let mut attach: Vec<String> = allowed_actions("ram-policy-restore.json");
    let is_read =
        |action: &str| ["List", "Get", "Describe"].iter().any(|verb| action.starts_with(verb));
    attach.retain(|action| !is_read(action));
    let operations = Operation::of(Action::Attach).map(Operation::name);
    let operations: Vec<&str> =
        operations.into_iter().chain(["AddUsersToGroup", "UnlockUsers"]).collect();
    assert_eq!(attach, operations, "besides reads, only what a restore calls");
    let both = allowed_actions("ram-policy-revoke-and-read.json");
    assert!(revoke.iter().all(|action| both.contains(action)));
    for action in &both {
        assert!(is_read(action) || revoke.contains(action), "{action}");
    }
    let mut offboard = allowed_actions("ram-policy-offboard.json");
    offboard.retain(|action| !both.contains(action));
    assert_eq!(offboard, ["LockUsers", "RemoveUsersFromGroup", "DeleteUserPublicKey"]);
}
