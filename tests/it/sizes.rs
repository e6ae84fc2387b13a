//! Files and functions are short enough to read in one go.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest file, in lines without its test module.
const FILE_LINES: usize = 400;
/// The longest function, in lines from its signature to its closing brace.
const FUNCTION_LINES: usize = 70;

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

/// The lines before the test module.
fn product_lines(text: &str) -> Vec<&str> {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).collect()
}

/// Name and length of each function. rustfmt puts a function's closing brace at its own indent.
fn functions(lines: &[&str]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let Some((before, after)) = code.split_once("fn ") else { continue };
        let is_item = before
            .split_whitespace()
            .all(|word| ["pub", "async", "const"].contains(&word) || word.starts_with("pub("));
        let opens = lines[at..].iter().find(|line| line.ends_with(['{', ';', '}']));
        if !is_item || opens.is_none_or(|line| line.ends_with(';')) {
            continue;
        }
        let name = after.split(['(', '<']).next().unwrap_or_default().to_owned();
        let closing = format!("{}}}", " ".repeat(indent));
        let end = lines[at..].iter().position(|line| *line == closing);
        found.extend(end.map(|end| (name, end + 1)));
    }
    found
}

fn all_sources() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let named = files.iter().map(|file| {
        let name = file.strip_prefix(&src).expect("a source").display().to_string();
        (name, fs::read_to_string(file).expect("a source"))
    });
    // Test modules in files of their own have such names.
    named.filter(|(name, _)| !name.contains("tests")).collect()
}

#[test]
fn no_file_is_too_long() {
    let mut long: Vec<String> = Vec::new();
    for (name, text) in all_sources() {
        let lines = product_lines(&text).len();
        if lines > FILE_LINES {
            long.push(format!("{name}: {lines} lines"));
        }
    }
    assert!(long.is_empty(), "files over {FILE_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn no_function_is_too_long() {
    let mut long: Vec<String> = Vec::new();
    let mut count = 0;
    for (file, text) in all_sources() {
        for (name, lines) in functions(&product_lines(&text)) {
            count += 1;
            if lines > FUNCTION_LINES {
                long.push(format!("{file}: {name}: {lines} lines"));
            }
        }
    }
    assert!(count > 1000, "the functions are found: {count}");
    assert!(long.is_empty(), "functions over {FUNCTION_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn the_length_of_a_function_is_measured() {
    let text = "impl A {\n    pub(super) async fn one(\n        a: u8,\n    ) -> u8 {\n        {\n            a\n        }\n    }\n}\nfn two() {}\n";
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(functions(&lines), [("one".to_owned(), 7)]);
}
