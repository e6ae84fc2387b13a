//! Archives that are as they were written, and all sorts that are not.

use super::{Archive, ArchiveError, ArchiveWriter, SUMS};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

const FILES: [(&str, &str); 3] =
    [("plan.json", "{}"), ("input/1-list.csv", "user,kind\n1,host\n"), ("ledger", "")];

fn written(folder: &Path) -> PathBuf {
    let path = folder.join("plan.zip");
    let mut writer = ArchiveWriter::create(&path).unwrap();
    for (name, content) in FILES {
        writer.add(name, |to| to.write_all(content.as_bytes())).unwrap();
    }
    writer.finish(|_| Ok::<_, ArchiveError>(None)).unwrap();
    path
}

fn differences(path: &Path) -> Result<Vec<String>, ArchiveError> {
    Ok(Archive::open(path)?.verify()?.0)
}

/// An archive with these entries, each with a checksum if `listed`.
fn with_entries(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    std::fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
}

#[test]
fn an_archive_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    assert_eq!(differences(&path).unwrap(), [""; 0]);
    let mut archive = Archive::open(&path).unwrap();
    for (name, content) in FILES {
        assert_eq!(archive.bytes(name).unwrap(), content.as_bytes());
    }
    assert!(matches!(ArchiveWriter::create(&path), Err(ArchiveError::Exists { .. })));
    let missing = Archive::open(&folder.path().join("no.zip"));
    assert!(matches!(missing, Err(ArchiveError::Missing { .. })));
}

#[test]
fn the_same_content_makes_the_same_archive() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [one, other] = folders.each_ref().map(|folder| std::fs::read(written(folder.path())));
    assert_eq!(one.unwrap(), other.unwrap());
}

/// Most bytes of an archive matter: those of the files, and names, sizes and places in its
/// directory. Times, versions and attributes do not; whatever such a byte is, no file differs.
#[test]
fn a_changed_byte_is_found_or_leaves_every_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let bytes = std::fs::read(&path).unwrap();
    let (mut found, mut named) = (0, 0);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x11;
        std::fs::write(&path, &changed).unwrap();
        match differences(&path) {
            Err(_) => found += 1,
            Ok(differences) if !differences.is_empty() => {
                found += 1;
                named += 1;
            }
            Ok(_) => {
                let mut archive = Archive::open(&path).unwrap();
                for (name, content) in FILES {
                    assert_eq!(archive.bytes(name).unwrap(), content.as_bytes(), "{at}");
                }
            }
        }
    }
    assert!(found > bytes.len() / 2 && named > bytes.len() / 4, "{found} {named} {}", bytes.len());
}

#[test]
fn a_changed_missing_or_added_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.zip");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let sums = format!("{empty}  changed.csv\n{empty}  gone.csv\n{empty}  same.csv\n");
    let entries: [(&str, &[u8]); 4] =
        [(SUMS, sums.as_bytes()), ("changed.csv", b"1"), ("same.csv", b""), ("added.csv", b"")];
    with_entries(&path, &entries);
    assert_eq!(
        differences(&path).unwrap(),
        [
            "changed.csv: changed",
            "gone.csv: missing",
            "added.csv: added, SHA256SUMS does not list it"
        ]
    );
    for wrong in ["x", "00  plan.json\n", &format!("{empty}  ../up\n")] {
        with_entries(&path, &[(SUMS, wrong.as_bytes())]);
        assert!(
            differences(&path).unwrap()[0].starts_with("SHA256SUMS: changed: line 1"),
            "{wrong}"
        );
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.zip");
    for name in ["../up", "/etc/passwd", "a/../../b", "a\\b", "C:x", ".hidden", "a//b", "名"] {
        with_entries(&path, &[(SUMS, b""), (name, b"x")]);
        let error = differences(&path).unwrap_err().to_string();
        assert!(error.contains("it has an entry"), "{name}: {error}");
    }
}

#[test]
fn two_files_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.zip");
    with_entries(&path, &[(SUMS, b""), ("one.csv", b"1"), ("two.csv", b"2")]);
    let bytes = std::fs::read(&path).unwrap();
    let text: Vec<u8> = String::from_utf8_lossy(b"two.csv").into_owned().into_bytes();
    let mut twice = bytes;
    while let Some(at) = twice.windows(text.len()).position(|window| window == text) {
        twice[at..at + 3].copy_from_slice(b"one");
    }
    std::fs::write(&path, twice).unwrap();
    let error = differences(&path).unwrap_err().to_string();
    assert!(error.contains("two files of the same name"), "{error}");
}

#[test]
fn what_is_no_archive_or_only_a_part_of_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let bytes = std::fs::read(&path).unwrap();
    for len in 0..bytes.len() {
        std::fs::write(&path, &bytes[..len]).unwrap();
        assert!(matches!(differences(&path), Err(ArchiveError::Invalid { .. })), "{len}");
    }
    with_entries(&path, &[("other.txt", b"x")]);
    assert!(differences(&path).unwrap_err().to_string().contains("it has no file SHA256SUMS"));
    std::fs::write(&path, "user,kind,target,account\n").unwrap();
    assert!(differences(&path).unwrap_err().to_string().contains("this is not a zip archive"));
    let of_folder = Archive::open(folder.path()).err().unwrap().to_string();
    assert!(of_folder.contains("this is not a file"), "{of_folder}");
}

#[test]
fn a_zip_bomb_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.zip");
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(SUMS, SimpleFileOptions::default()).unwrap();
    zip.start_file("bomb", SimpleFileOptions::default().compression_level(Some(1))).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..1100 {
        zip.write_all(&zeros).unwrap();
    }
    std::fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
    let error = differences(&path).unwrap_err().to_string();
    assert!(error.contains("this may be a zip bomb"), "{error}");
}
