//! Zip archives as an attacker would change them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use sha2::Digest as _;

/// The files of an archive, by name.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// Reads all files of an archive.
pub(crate) fn read(path: &Path) -> Files {
    let mut zip = zip::ZipArchive::new(File::open(path).expect("an archive")).expect("a zip");
    let count = zip.len();
    let read = |at| {
        let mut file = zip.by_index(at).expect("a file");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("its bytes");
        (file.name().expect("a name").into_owned(), bytes)
    };
    (0..count).map(read).collect()
}

/// Writes an archive of these files.
pub(crate) fn write(path: &Path, files: &[(String, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(File::create(path).expect("the archive"));
    for (name, bytes) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(bytes).expect("its bytes");
    }
    zip.finish().expect("the archive");
}

/// The content of a file.
pub(crate) fn content<'f>(files: &'f mut Files, name: &str) -> &'f mut Vec<u8> {
    let file = files.iter_mut().find(|(of, _)| of == name);
    &mut file.unwrap_or_else(|| panic!("no file {name}")).1
}

/// Makes the checksums right again.
pub(crate) fn renew_checksums(files: &mut Files) {
    let others = files.iter().filter(|(name, _)| !name.starts_with("SHA256SUMS"));
    let text = others.fold(String::new(), |text, (name, bytes)| {
        text + &bastion_revoke::hex::hex(&sha2::Sha256::digest(bytes)) + "  " + name + "\n"
    });
    *content(files, "SHA256SUMS") = text.into_bytes();
}
