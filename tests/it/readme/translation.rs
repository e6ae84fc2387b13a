//! The Chinese pages show the same commands and name the same options, files and codes as the English.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::markdown::Markdown;
use super::{pages_in, read};

/// The translated pages: the English one, and the Chinese one.
fn translated() -> Vec<(PathBuf, PathBuf)> {
    let of = |chinese: PathBuf| {
        let name = chinese.file_name().expect("a name");
        (Path::new("docs/src").join(name), chinese.clone())
    };
    let mut pairs: Vec<_> = pages_in("docs/src/zh").into_iter().map(of).collect();
    pairs.push((PathBuf::from("README.md"), PathBuf::from("README.zh-CN.md")));
    pairs
}

fn page(path: &Path) -> Markdown {
    Markdown::of(&read(&path.display().to_string()))
}

#[test]
fn the_chinese_pages_have_the_blocks_and_the_names_of_the_english_ones() {
    let pairs = translated();
    assert!(pairs.len() > 8, "the pages are found: {pairs:?}");
    for (english, chinese) in pairs {
        let (from, to) = (page(&english), page(&chinese));
        let blocks = |page: &Markdown| -> Vec<(String, String)> {
            page.blocks.iter().map(|block| (block.info.clone(), block.text.clone())).collect()
        };
        assert_eq!(blocks(&from), blocks(&to), "blocks of {}", chinese.display());
        let names = |page: &Markdown| page.codes.iter().cloned().collect::<BTreeSet<String>>();
        let (from, to) = (names(&from), names(&to));
        let differing: Vec<&String> = from.symmetric_difference(&to).collect();
        let page = chinese.display();
        assert!(differing.is_empty(), "{page} is to follow the English page: {differing:?}");
    }
}
