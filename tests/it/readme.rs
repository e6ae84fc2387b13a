//! What README shows is what the command prints.

use std::path::Path;

use crate::pages::without_times;
use crate::sandbox::Sandbox;

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).expect("README.md")
}

/// What stands between a command's line and the end of its block.
fn shown<'r>(readme: &'r str, command: &str) -> &'r str {
    let start = format!("\n$ {command}\n");
    let (_, after) = readme.split_once(&start).unwrap_or_else(|| panic!("no `$ {command}`"));
    after.split("\n```").next().unwrap_or_default().trim_end()
}

#[test]
fn the_rehearsal_in_readme_is_what_the_command_prints() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("samples")).expect("a folder");
    let list = sandbox.sample("offboarding.csv");
    std::fs::rename(sandbox.path(list), sandbox.path("samples/offboarding.csv")).expect("a move");
    let ended = sandbox.ends(&["run", "samples/offboarding.csv", "--rehearse"]);
    let readme = readme();
    let shown = shown(&readme, "cargo run --release -- run samples/offboarding.csv --rehearse");
    assert_eq!(without_times(shown), without_times(&ended.out));
}

#[test]
fn every_option_of_run_is_in_readme() {
    let help = Sandbox::new().ends(&["run", "--help"]).out;
    let readme = readme();
    let options = help.lines().filter_map(|line| {
        let at = line.find("--")?;
        let is_option = line[..at].trim_start().is_empty() || line[..at].trim_end().ends_with(',');
        line[at..].split([' ', '=', '.']).next().filter(|_| is_option)
    });
    let all: Vec<&str> = options.collect();
    assert!(all.contains(&"--out") && all.contains(&"--skip-invalid"), "{all:?}");
    let missing: Vec<&&str> =
        all.iter().filter(|option| !readme.contains(&format!("`{option}"))).collect();
    assert!(missing.is_empty(), "README does not explain {missing:?}");
}

#[test]
fn every_member_of_the_json_summary_is_in_readme() {
    let sandbox = Sandbox::new();
    let list = sandbox.sample("offboarding.csv");
    let ended = sandbox.ends(&["run", list, "--rehearse", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
    let readme = readme();
    let (_, schema) = readme.split_once("\n## For scripts\n").expect("a part for scripts");
    let schema = schema.split("\n## ").next().unwrap_or_default();
    let members = summary.as_object().expect("an object");
    let inner = members["requests"].as_object().expect("an object");
    for name in members.keys().chain(inner.keys()) {
        assert!(schema.contains(&format!("`{name}`")), "README does not explain {name}");
    }
}

#[test]
fn every_exit_code_is_in_readme() {
    use bastion_revoke::exit::Exit;
    let readme = readme();
    let (_, table) = readme.split_once("\n## Exit codes\n").expect("a table of exit codes");
    let table = table.split("\n## ").next().unwrap_or_default();
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for page in ["docs/architecture.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root.join(page)).expect(page);
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    let text = std::fs::read_to_string(path).expect("a policy");
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
    let both = allowed_actions("ram-policy-revoke-and-read.json");
    assert!(revoke.iter().all(|action| both.contains(action)));
    for action in &both {
        let is_read = ["List", "Get", "Describe"].iter().any(|verb| action.starts_with(verb));
        assert!(is_read || revoke.contains(action), "{action}");
    }
}
