//! Imports run downward only: the house has storeys, and nobody reaches up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules by storey, the lowest first. A module imports from lower storeys only.
const STOREYS: &[&[&str]] = &[
    &["model", "clock", "hex", "pipeline", "malloc", "failpoint"],
    &["names"],
    &["input", "grants", "api"],
    &["plan", "files"],
    &["input_snapshot"],
    &["ledger"],
    &["verdicts"],
    &["engine", "outcome", "guards", "sim"],
    &["queue"],
    &["exit"],
    &["cli"],
    &["config", "report"],
    &["commands"],
];

/// Edges that run upward or are otherwise not allowed, and why each is.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The flags of `simulate` stand with the command that settles them.
    ("cli", "commands"),
];

/// What may not be imported although it stands lower.
const FORBIDDEN: &[(&str, &str)] = &[
    ("plan", "api"),
    ("plan", "input"),
    ("ledger", "api"),
    ("verdicts", "api"),
    ("outcome", "api"),
    ("sim", "plan"),
    ("sim", "input"),
    ("sim", "ledger"),
    ("sim", "verdicts"),
    ("report", "sim"),
    ("report", "api"),
    ("cli", "sim"),
];

fn storey(module: &str) -> Option<usize> {
    STOREYS.iter().position(|storey| storey.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The top modules that a piece of code names as `crate::...`, comments left out.
fn named(code: &str) -> BTreeSet<String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut names = BTreeSet::new();
    for line in lines {
        for after in line.split("crate::").skip(1) {
            let word = |text: &str| -> String {
                text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
            };
            match after.strip_prefix('{') {
                // `use crate::{a::b, c};`
                Some(list) => names.extend(list.split(", ").map(word)),
                None => drop(names.insert(word(after))),
            }
        }
    }
    names
}

/// Every import between top modules of `src`, with a file that has it.
fn edges() -> BTreeSet<(String, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut edges = BTreeSet::new();
    for file in files {
        let inside = file.strip_prefix(&src).expect("a source").display().to_string();
        let module = inside.split(['/', '\\', '.']).next().unwrap_or_default().to_owned();
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let code = fs::read_to_string(&file).expect("a source");
        for name in named(&code) {
            if name != module {
                edges.insert((module.clone(), name, inside.clone()));
            }
        }
    }
    edges
}

#[test]
fn imports_run_downward_only() {
    let edges = edges();
    assert!(edges.len() > 40, "the sources are found: {}", edges.len());
    let mut wrong = Vec::new();
    for (from, to, file) in &edges {
        let pair = (from.as_str(), to.as_str());
        let (Some(above), Some(below)) = (storey(from), storey(to)) else {
            wrong.push(format!("{file}: {from} or {to} has no storey in this test; give it one"));
            continue;
        };
        if EXCEPTIONS.contains(&pair) {
            continue;
        }
        if below >= above {
            wrong
                .push(format!("{file}: {from} must not know {to}, which stands as high or higher"));
        } else if FORBIDDEN.contains(&pair) {
            wrong.push(format!("{file}: {from} must not know {to}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_test_reads_the_forms_in_which_imports_are_written() {
    let code = "use crate::model::Kind;\n// crate::cli\n    crate::engine::Settings { }\n\
                use crate::{api, plan::Plan};\n/// [`crate::report`]\n";
    let names: Vec<String> = named(code).into_iter().collect();
    assert_eq!(names, ["api", "engine", "model", "plan"]);
}
