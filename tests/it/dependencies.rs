//! Every dependency in Cargo.toml is used.

use std::fs;
use std::path::Path;

/// All Rust sources of the package.
pub(crate) fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// The names of dependencies in a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = toml::from_str(manifest).expect("Cargo.toml");
    let tables = ["dependencies", "dev-dependencies"]
        .iter()
        .filter_map(|name| manifest.get(*name).and_then(toml::Value::as_table));
    tables.flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn every_dependency_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["src", "tests", "benches", "examples", "fuzz"] {
        sources(&root.join(folder), &mut text);
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml");
    let all = dependencies(&manifest);
    assert!(all.len() > 30, "the dependencies are found: {all:?}");
    let is_used = |name: &String| {
        let path = name.replace('-', "_");
        [format!("{path}::"), format!("use {path};"), format!("{path} ")]
            .iter()
            .any(|form| text.contains(form))
    };
    let unused: Vec<&String> = all.iter().filter(|name| !is_used(name)).collect();
    assert!(unused.is_empty(), "not used anywhere: {unused:?}");
}
