//! Imports run downward only, and no files import each other in circles.
//!
//! Edges are read from the sources: every `crate::...` and `super::...` path outside of comments
//! and of test modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules by layer, the lowest first. A module imports from lower layers only.
const LAYERS: &[&[&str]] = &[
    &["model", "clock", "hex", "signature", "pipeline", "failpoint"],
    &["names"],
    &["input", "grants", "api"],
    &["plan", "files", "resolve", "access"],
    &["input_snapshot", "archive"],
    &["ledger"],
    &["verdicts"],
    &["engine", "outcome", "guards", "sim", "restore"],
    &["first_pass", "offboard"],
    &["queue"],
    &["exit"],
    &["cli"],
    &["config"],
    &["report"],
    &["report_page"],
    &["commands"],
];

/// Imports that are not allowed although they run downward.
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
    ("report", "cli"),
    ("report", "config"),
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
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

/// The module path of a source file: `src/api/sign.rs` is `api::sign`, `src/api/mod.rs` is `api`.
fn module_of(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> = file
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The code of a file without comments and without its test module.
fn code_of(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.fold(String::new(), |mut code, line| {
        code.push_str(line);
        code.push('\n');
        code
    })
}

/// The paths below a prefix such as `crate::`, with `{...}` lists spelled out.
fn paths_after(code: &str, prefix: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        expand_lists(&code[at + prefix.len()..], &[], &mut all);
    }
    all
}

/// Reads one path, or the lists in it, and returns the rest of the text.
fn expand_lists<'a>(text: &'a str, stem: &[String], all: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = stem.to_vec();
    let mut rest = text.trim_start();
    loop {
        if let Some(list) = rest.strip_prefix('{') {
            rest = list;
            loop {
                rest = expand_lists(rest, &path, all).trim_start();
                match rest.strip_prefix(',') {
                    Some(after) if !after.trim_start().starts_with('}') => rest = after,
                    after => {
                        let rest = after.unwrap_or(rest).trim_start();
                        return rest.strip_prefix('}').unwrap_or(rest);
                    }
                }
            }
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end > 0 {
            path.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(after) if end > 0 => rest = after,
            _ => break,
        }
    }
    all.push(path);
    // `as name`
    let end = rest.find([',', '}', ';', '(', ')', '\n', '<', '>', '&', '.', '[', '{']);
    &rest[end.unwrap_or(rest.len())..]
}

/// Every import between files of `src`, as module paths.
fn edges() -> BTreeSet<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut modules: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for file in &files {
        let inside = file.strip_prefix(&src).expect("a source");
        modules.insert(module_of(inside), fs::read_to_string(file).expect("a source"));
    }
    let known: BTreeSet<Vec<String>> = modules.keys().cloned().collect();
    let mut edges = BTreeSet::new();
    for (module, text) in &modules {
        if module.iter().any(|part| part.ends_with("tests") || part == "testing")
            || [["lib"], ["main"]].iter().any(|name| module == name)
        {
            continue;
        }
        let code = code_of(text);
        let mut targets = paths_after(&code, "crate::");
        let parent = module[..module.len() - 1].to_vec();
        let relative = [("super::super::", 2), ("super::", 1), ("self::", 0)];
        for (prefix, levels) in relative {
            let stem = match levels {
                0 => module.clone(),
                1 => parent.clone(),
                _ => parent[..parent.len().saturating_sub(1)].to_vec(),
            };
            for path in paths_after(&code, prefix) {
                if path.first().is_some_and(|part| part != "super") {
                    targets.push(stem.iter().cloned().chain(path).collect());
                }
            }
        }
        for target in targets {
            // The longest prefix of the path that is a file; `mod.rs` files only re-export.
            let file = (1..=target.len()).rev().map(|n| &target[..n]).find(|p| known.contains(*p));
            if let Some(file) = file.filter(|file| *file != module.as_slice()) {
                edges.insert((module.join("::"), file.join("::")));
            }
        }
    }
    edges
}

/// The strongly connected components with more than one file (Tarjan's algorithm).
fn circles(edges: &BTreeSet<(String, String)>) -> Vec<Vec<String>> {
    struct Tarjan<'a> {
        next: BTreeMap<&'a str, Vec<&'a str>>,
        index: BTreeMap<&'a str, usize>,
        low: BTreeMap<&'a str, usize>,
        stack: Vec<&'a str>,
        found: Vec<Vec<String>>,
    }
    impl<'a> Tarjan<'a> {
        fn visit(&mut self, node: &'a str) {
            let number = self.index.len();
            self.index.insert(node, number);
            self.low.insert(node, number);
            self.stack.push(node);
            for to in self.next.get(node).cloned().unwrap_or_default() {
                if !self.index.contains_key(to) {
                    self.visit(to);
                    let low = self.low[to].min(self.low[node]);
                    self.low.insert(node, low);
                } else if self.stack.contains(&to) {
                    let low = self.index[to].min(self.low[node]);
                    self.low.insert(node, low);
                }
            }
            if self.low[node] == self.index[node] {
                let at = self.stack.iter().position(|other| *other == node).expect("on the stack");
                let mut component: Vec<String> =
                    self.stack.drain(at..).map(str::to_owned).collect();
                component.sort();
                if component.len() > 1 {
                    self.found.push(component);
                }
            }
        }
    }
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    let nodes: Vec<&str> = next.keys().copied().collect();
    let mut tarjan = Tarjan {
        next,
        index: BTreeMap::new(),
        low: BTreeMap::new(),
        stack: Vec::new(),
        found: Vec::new(),
    };
    for node in nodes {
        if !tarjan.index.contains_key(node) {
            tarjan.visit(node);
        }
    }
    tarjan.found
}

/// The folder of a module's file.
fn folder(module: &str, edges: &BTreeSet<(String, String)>) -> String {
    let inside = format!("{module}::");
    // A module with files below it is the `mod.rs` of its own folder.
    if edges.iter().any(|(from, to)| from.starts_with(&inside) || to.starts_with(&inside)) {
        return module.to_owned();
    }
    module.rsplit_once("::").map_or(String::new(), |(parent, _)| parent.to_owned())
}

#[test]
fn imports_run_downward_only() {
    let edges = edges();
    assert!(edges.len() > 300, "the sources are found: {}", edges.len());
    let mut wrong = Vec::new();
    for (from, to) in &edges {
        let top = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
        let (above, below) = (top(from), top(to));
        if above == below {
            continue;
        }
        match (layer(&above), layer(&below)) {
            (Some(high), Some(low)) if low < high => {
                if FORBIDDEN.contains(&(above.as_str(), below.as_str())) {
                    wrong.push(format!("{from} must not import {to}"));
                }
            }
            (Some(_), Some(_)) => {
                wrong.push(format!("{from} imports {to}, which is in the same or a higher layer"));
            }
            _ => wrong.push(format!("{from} imports {to}: give both a layer in this test")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let edges = edges();
    let mut wrong = Vec::new();
    for circle in circles(&edges) {
        let folders: BTreeSet<String> = circle.iter().map(|m| folder(m, &edges)).collect();
        if folders.len() > 1 || circle.len() > 2 {
            wrong.push(circle.join(", "));
        }
    }
    assert!(wrong.is_empty(), "files that import each other:\n{}", wrong.join("\n"));
}

#[test]
fn the_forms_of_imports_are_read() {
    let code = "use crate::model::Kind;\n    crate::engine::Settings { }\n\
                use crate::{api, plan::{Plan, pack::Pack}};\nfn x() -> super::Failure;\n";
    let joined = |paths: Vec<Vec<String>>| -> Vec<String> {
        paths.iter().map(|path| path.join("::")).collect()
    };
    assert_eq!(
        joined(paths_after(&code_of(code), "crate::")),
        ["model::Kind", "engine::Settings", "api", "plan::Plan", "plan::pack::Pack"]
    );
    assert_eq!(joined(paths_after(code, "super::")), ["Failure"]);
    assert_eq!(code_of("// crate::cli\n/// [`crate::cli`]\n#[cfg(test)]\nuse crate::cli;"), "");
}

#[test]
fn circles_are_found() {
    let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let edges = BTreeSet::from([
        edge("a", "b"),
        edge("b", "c"),
        edge("c", "a"),
        edge("c", "d"),
        edge("d", "e"),
    ]);
    assert_eq!(circles(&edges), [["a", "b", "c"]]);
}
