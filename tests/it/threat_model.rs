//! The threat model names tests that exist.

use std::fs;
use std::path::Path;

/// The tests that a page names as `file::name`.
fn named_tests(page: &str) -> Vec<(&str, &str)> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter_map(|text| text.split_once("::")).filter(|(file, _)| is_rust(file)).collect()
}

fn is_rust(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "rs")
}

/// Whether a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let is_function = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    };
    let at = lines.iter().position(|line| is_function(line));
    let attributes = at.map(|at| lines[..at].iter().rev().take_while(|line| line.starts_with('#')));
    attributes.is_some_and(|mut lines| {
        lines.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/src/threat-model.md")).expect("the page");
    let named = named_tests(&page);
    assert!(named.len() > 40, "the tests are found: {}", named.len());
    for (file, name) in named {
        let source = fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(has_test(&source, name), "{file} has no test {name}");
    }
}

#[test]
fn every_threat_names_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/src/threat-model.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    for row in rows.filter(|row| *row != "| threat | defence | test |") {
        assert!(!named_tests(row).is_empty(), "no test covers: {row}");
    }
}

#[test]
fn a_function_that_is_no_test_is_not_taken_for_one() {
    let source =
        "#[test]\nfn a_test() {}\n\n#[ignore]\n#[tokio::test]\nasync fn b() {}\n\nfn c() {}";
    assert!(has_test(source, "a_test") && has_test(source, "b"));
    assert!(!has_test(source, "a_t") && !has_test(source, "c") && !has_test(source, "d"));
}
