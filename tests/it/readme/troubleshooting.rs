//! `docs/src/troubleshooting.md` is made from the snapshot of all messages, the kinds of problems in
//! lists and the API's codes, joined with the causes and cures in `docs/troubleshooting.toml`.

use std::fmt::Write as _;

use bastion_revoke::api::error;
use bastion_revoke::input::ProblemKind;
use serde::Deserialize;

use super::{assert_published, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Causes {
    message: Vec<Message>,
    code: Vec<Code>,
    class: Vec<Class>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    text: String,
    cause: String,
    cure: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    name: String,
    status: String,
    meaning: String,
    cure: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    name: String,
    meaning: String,
    cure: String,
}

fn causes() -> Causes {
    toml::from_str(&read("docs/troubleshooting.toml")).expect("docs/troubleshooting.toml")
}

/// A command of the snapshot: what it printed, and its exit code.
struct Shown {
    topic: String,
    command: String,
    lines: Vec<String>,
    exit: u8,
}

/// The commands of the snapshot that did not end well.
fn shown() -> Vec<Shown> {
    let text = read("tests/it/snapshots/it__messages__every_message.snap");
    let (mut all, mut topic, mut before) = (Vec::new(), "", "");
    let (mut command, mut lines) = (String::new(), Vec::new());
    for line in text.lines() {
        if !line.is_empty() && line.chars().all(|letter| letter == '=') {
            topic = before;
        } else if let Some(typed) = line.strip_prefix("$ ") {
            (command, lines) = (typed.to_owned(), Vec::new());
        } else if let Some(text) = line.strip_prefix("err").or(line.strip_prefix("out")) {
            lines.push(text.strip_prefix("  ").unwrap_or(text).to_owned());
        } else if let Some(exit) = line.strip_prefix("exit ") {
            let exit = exit.parse().expect("an exit code");
            let lines = std::mem::take(&mut lines);
            all.push(Shown { topic: topic.to_owned(), command: command.clone(), lines, exit });
        }
        before = line;
    }
    all.retain(|shown| shown.exit != 0);
    all
}

/// The lines to look for: from the one that has the text, without what is the same for every run.
fn excerpt(shown: &Shown, text: &str) -> Option<String> {
    let lines: Vec<&str> = shown.lines.iter().map(String::as_str).collect();
    let at = lines.iter().position(|line| line.contains(text))?;
    let is_boilerplate = |line: &&&str| {
        ["Usage:", "For more", "So far:", "  "].iter().any(|start| line.starts_with(start))
    };
    let rest = lines[at + 1..].iter().take_while(|line| !line.is_empty() && !is_boilerplate(line));
    let is_finding = lines[at].starts_with("error") || lines[at].starts_with("warning");
    let rest = rest.take(if is_finding { 5 } else { 0 });
    let kept: Vec<&str> = std::iter::once(lines[at]).chain(rest.copied()).collect();
    Some(kept.join("\n"))
}

/// The explanation that fits the first line that has one.
fn explained_by(shown: &Shown, causes: &Causes) -> Option<usize> {
    let fits = |line: &String| causes.message.iter().position(|m| line.contains(&m.text));
    shown.lines.iter().find_map(fits)
}

const HEAD: &str = "\
# Troubleshooting

A message says what happened, why, and what to do. This page adds the usual cause. It is made from the
messages themselves; a test compares it, so it has every message of this version. Search it for a few words of
yours. `...` and names such as `list.csv` differ in your case.

`-v` logs more, `-vv` every request. `bastion-revoke status OUT` shows how a run ended.
";

fn messages(page: &mut String, causes: &Causes) {
    let shown = shown();
    let mut topic = "";
    let mut is_done = vec![false; causes.message.len()];
    for shown in &shown {
        let found = explained_by(shown, causes);
        let found = found.unwrap_or_else(|| {
            let Shown { command, lines, .. } = shown;
            panic!("docs/troubleshooting.toml explains nothing of `{command}`: {lines:#?}")
        });
        if std::mem::replace(&mut is_done[found], true) {
            continue;
        }
        if topic != shown.topic {
            topic = &shown.topic;
            let _ = write!(page, "\n## {topic}\n");
        }
        let Message { text, cause, cure } = &causes.message[found];
        let excerpt = excerpt(shown, text).unwrap_or_default();
        let _ = write!(page, "\n```text\n{excerpt}\n```\n\n");
        let _ = writeln!(page, "- Cause: {cause}\n- What to do: {cure}");
        let _ = writeln!(page, "- Exit code: [{}](exit-codes.md)", shown.exit);
    }
    for (message, is_done) in causes.message.iter().zip(is_done) {
        assert!(is_done, "no message of the snapshot has `{}`", message.text);
    }
}

fn findings(page: &mut String) {
    page.push_str(
        "\n## Mistakes in a list\n\nThe code stands in brackets after `error` or `warning`, and in `check --json`. \
         [Warnings](spreadsheets.md#warnings) do not stop a run.\n\n| code | means | what to do |\n|---|---|---|\n",
    );
    for kind in ProblemKind::ALL {
        let remedy = kind.remedy().replace('|', "\\|").replace('*', "\\*");
        let _ = writeln!(page, "| `{}` | {} | {remedy} |", kind.code(), kind.title());
    }
}

fn codes(page: &mut String, causes: &Causes) {
    page.push_str(
        "\n## Codes of the API\n\nThe column `code` of an outcome has the code of the row, or of the request that \
         settled it. Codes of a row:\n\n| code | status | means | what to do |\n|---|---|---|---|\n",
    );
    for Code { name, status, meaning, cure } in &causes.code {
        let _ = writeln!(page, "| `{name}` | `{status}` | {meaning} | {cure} |");
    }
    page.push_str(
        "\nA code in small letters is one of the [mistakes](#mistakes-in-a-list). Codes of a whole request, where `*` \
         is any ending:\n\n| codes | means | what to do |\n|---|---|---|\n",
    );
    for (class, patterns) in error::table() {
        let known = causes.class.iter().find(|known| known.name == format!("{class:?}"));
        let known = known.unwrap_or_else(|| panic!("docs/troubleshooting.toml lacks {class:?}"));
        let patterns: Vec<String> = patterns.iter().map(|p| format!("`{p}`")).collect();
        let _ = writeln!(page, "| {} | {} | {} |", patterns.join(", "), known.meaning, known.cure);
    }
}

#[test]
fn every_message_has_its_cause_and_cure_on_the_page() {
    let causes = causes();
    let mut page = HEAD.to_owned();
    messages(&mut page, &causes);
    findings(&mut page);
    codes(&mut page, &causes);
    assert_published("docs/src/troubleshooting.md", &page);
}

#[test]
fn every_code_of_a_row_that_is_explained_occurs_in_the_sources() {
    let mut sources = String::new();
    crate::dependencies::sources(&super::root().join("src"), &mut sources);
    let sources = sources.to_ascii_uppercase();
    for Code { name, .. } in causes().code {
        assert!(sources.contains(&format!("\"{}\"", name.to_ascii_uppercase())), "{name}");
    }
}
