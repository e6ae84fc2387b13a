//! The crate as it would be published: `cargo package` has what the build needs, and no tests.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::python::run;

/// The files of the crate, as cargo lists them.
fn packaged() -> BTreeSet<String> {
    let mut list = Command::new(env!("CARGO"));
    list.args(["package", "--list", "--offline", "--allow-dirty"]);
    list.current_dir(env!("CARGO_MANIFEST_DIR"));
    run(&mut list, "cargo lists the files of the crate").lines().map(str::to_owned).collect()
}

#[test]
fn the_crate_has_what_the_build_needs_and_no_tests() {
    let files = packaged();
    for name in [
        "Cargo.lock",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "SECURITY.md",
        "samples/offboarding.csv",
        // Compiled into the simulated service.
        "samples/world.toml",
        "src/ledger/schema.sql",
        "src/main.rs",
        "src/queue/scripts/apply.lua",
    ] {
        assert!(files.contains(name), "the crate lacks {name}");
    }
    let folders: BTreeSet<&str> =
        files.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect();
    assert_eq!(folders, BTreeSet::from(["docs", "examples", "samples", "src"]));
}

#[test]
fn the_manifest_allows_publishing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = std::fs::read_to_string(path).expect("Cargo.toml");
    let manifest: toml::Table = toml::from_str(&manifest).expect("TOML");
    let package = &manifest["package"];
    assert!(package.get("publish").is_none(), "publishing is not restricted");
    // A registry refuses dependencies that have a path and no version.
    for (name, dependency) in manifest["dependencies"].as_table().expect("dependencies") {
        assert!(dependency.get("path").is_none() && dependency.get("git").is_none(), "{name}");
    }
}

/// `cargo deny` checks every change, and `cargo about` lists the licences of a release.
#[test]
fn a_release_accepts_the_licences_that_every_change_is_checked_for() {
    let accepted = |file: &str, path: &[&str]| -> BTreeSet<String> {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        let value: toml::Value = toml::from_str(&text.expect(file)).expect(file);
        let list = path.iter().fold(&value, |value, name| &value[*name]);
        let list = list.as_array().expect(file).iter();
        list.map(|one| one.as_str().expect(file).to_owned()).collect()
    };
    let checked = accepted("deny.toml", &["licenses", "allow"]);
    assert!(!checked.is_empty());
    assert_eq!(accepted("packaging/about.toml", &["accepted"]), checked);
}
