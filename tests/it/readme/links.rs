//! Every page of the book is in its table of contents, and every link leads somewhere.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::markdown::Markdown;
use super::{book, pages_in, root};

/// The pages outside the book that a reader may open.
const OTHERS: [&str; 6] = [
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "BENCHMARKS.md",
];

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// All pages by their path from the root.
fn pages() -> BTreeMap<PathBuf, Markdown> {
    let others = OTHERS.iter().map(PathBuf::from);
    let all = book().into_iter().chain(pages_in("docs/src/zh")).chain(others);
    all.map(|path| {
        let text = std::fs::read_to_string(root().join(&path)).expect("a page");
        (path, Markdown::of(&text))
    })
    .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let pages = pages();
    let mut count = 0;
    for (path, page) in &pages {
        let links = page.links.iter().filter(|link| !link.contains("://"));
        for link in links {
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = path.parent().unwrap_or(Path::new(""));
            let target = if file.is_empty() { path.clone() } else { plain(&folder.join(file)) };
            assert!(root().join(&target).exists(), "{}: no file for {link}", path.display());
            // mdBook copies only what is in its source folder.
            let is_outside = path.starts_with("docs/src") && !target.starts_with("docs/src");
            assert!(!is_outside, "{}: {link} leads out of the book", path.display());
            if !anchor.is_empty() {
                let page = pages.get(&target);
                let is_there = page.is_some_and(|page| page.anchors.iter().any(|a| a == anchor));
                assert!(is_there, "{}: no heading for {link}", path.display());
            }
        }
    }
    assert!(count > 50, "the links are found: {count}");
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = std::fs::read_to_string(root().join("docs/src/SUMMARY.md")).expect("SUMMARY.md");
    let mut listed = Markdown::of(&summary).links;
    listed.sort();
    let name = |path: PathBuf| {
        path.strip_prefix("docs/src").expect("a page of the book").display().to_string()
    };
    let all = book().into_iter().chain(pages_in("docs/src/zh")).map(name);
    let mut pages: Vec<String> = all.filter(|name| name != "SUMMARY.md").collect();
    pages.sort();
    assert_eq!(listed, pages, "docs/src/SUMMARY.md lists each page once");
}
