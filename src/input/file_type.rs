//! Files that are not a list, detected by their first bytes: workbooks, archives, documents.

use std::borrow::Cow;

use super::diagnostics::shown;
use super::source::{Bytes, Source};

/// How far into a compound file its directory is looked for.
const MOST_SKIPPED: u64 = 1 << 28;

/// The type of a file, and what to do about it.
pub(super) type OtherFile = (Cow<'static, str>, &'static str);

const SAVE_AS_CSV: &str =
    "open it, and save the sheet as CSV UTF-8 with its ids shown in full, as text";
const UNLOCK: &str = "open it with its password, and save the sheet as CSV UTF-8 with its ids shown in full, as text";
const EXPORT: &str = "export the list as CSV and give that file";
const UNPACK: &str = "unpack it and give the list itself (gzip alone is read as it is)";

/// Detects a file by its first bytes; `source` is opened again only if these do not suffice.
pub(super) fn of(head: &[u8], gzip: bool, source: &Source) -> Option<OtherFile> {
    let (found, remedy) = match head {
        [b'P', b'K', 3, 4, ..] => return Some(archive(head)),
        [b'P', b'K', 5..=8, ..] => ("this is a zip archive", UNPACK),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => compound(head, source),
        [b'%', b'P', b'D', b'F', b'-', ..] => ("this is a PDF", EXPORT),
        [b'{', b'\\', b'r', b't', b'f', ..] => ("this is a text document (.rtf)", EXPORT),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("this is compressed with zstd", UNPACK),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("this is compressed with xz", UNPACK),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] => {
            ("this is compressed with bzip2", UNPACK)
        }
        [b'7', b'z', 0xbc, 0xaf, ..] => ("this is a 7z archive", UNPACK),
        [b'R', b'a', b'r', b'!', 0x1a, ..] => ("this is a rar archive", UNPACK),
        [0x1f, 0x8b, ..] if gzip => ("this is compressed twice with gzip", "unpack it once"),
        [b'S', b'Q', b'L', b'i', b't', b'e', b' ', ..] => ("this is an SQLite database", EXPORT),
        [b'P', b'A', b'R', b'1', ..] => ("this is a Parquet file", EXPORT),
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..] => ("this is a picture", EXPORT),
        _ if head.get(257..262) == Some(b"ustar") => ("this is a tar archive", UNPACK),
        _ => return None,
    };
    Some((found.into(), remedy))
}

/// A zip archive, by the names of the files in it: each stands before its data, uncompressed.
fn archive(head: &[u8]) -> OtherFile {
    let has = |name: &str| find(head, name.as_bytes());
    let (found, remedy) = if has("mimetypeapplication/vnd.oasis.opendocument.spreadsheet") {
        ("this is a spreadsheet of LibreOffice (.ods)", SAVE_AS_CSV)
    } else if has("mimetypeapplication/vnd.oasis.opendocument") {
        ("this is a document of LibreOffice", EXPORT)
    } else if has("xl/workbook.bin") {
        ("this is an Excel workbook (.xlsb)", SAVE_AS_CSV)
    } else if has("xl/") {
        ("this is an Excel workbook (.xlsx)", SAVE_AS_CSV)
    } else if has("word/") {
        ("this is a Word document (.docx)", EXPORT)
    } else if has("ppt/") {
        ("this is a presentation (.pptx)", EXPORT)
    } else if has("Index/") && has(".iwa") {
        ("this is a spreadsheet of Numbers", SAVE_AS_CSV)
    } else if has("[Content_Types].xml") {
        ("this is an Office file, probably an Excel workbook (.xlsx)", SAVE_AS_CSV)
    } else if let Some(name) = first_name(head) {
        return (format!("this is a zip archive, with {name} in it").into(), UNPACK);
    } else {
        ("this is a zip archive or an Excel workbook (.xlsx), and cut", SAVE_AS_CSV)
    };
    (found.into(), remedy)
}

/// The name of an archive's first file, safe to print.
fn first_name(head: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_le_bytes(head.get(26..28)?.try_into().ok()?));
    let name = head.get(30..30 + length).filter(|name| !name.is_empty())?;
    Some(shown(&String::from_utf8_lossy(name)))
}

/// A compound file, by the names in its directory: old workbooks, and those with a password.
fn compound(head: &[u8], source: &Source) -> (&'static str, &'static str) {
    let directory = directory(head, source).unwrap_or_default();
    let has = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        find(&directory, &name) || find(head, &name)
    };
    if has("EncryptedPackage") || has("EncryptionInfo") {
        ("this is an Office file protected by a password (.xlsx)", UNLOCK)
    } else if has("Workbook") || has("Book") {
        ("this is an old Excel workbook (.xls)", SAVE_AS_CSV)
    } else if has("WordDocument") {
        ("this is an old Word document (.doc)", EXPORT)
    } else {
        ("this is an old Office file, or one protected by a password", SAVE_AS_CSV)
    }
}

/// The first bytes of a compound file's directory: its header says where they are.
fn directory(head: &[u8], source: &Source) -> Option<Vec<u8>> {
    let shift = u16::from_le_bytes(head.get(30..32)?.try_into().ok()?);
    let sector = u32::from_le_bytes(head.get(48..52)?.try_into().ok()?);
    let offset = (u64::from(sector) + 1).checked_shl(u32::from(shift)).filter(|_| shift < 16)?;
    let mut bytes = source.open().ok().filter(|_| offset < MOST_SKIPPED)?;
    skip(&mut bytes, offset)?;
    let mut directory = vec![0; 4096];
    let (got, _) = bytes.fill(&mut directory);
    directory.truncate(got);
    Some(directory)
}

fn skip(bytes: &mut Bytes, mut count: u64) -> Option<()> {
    let mut buffer = vec![0; 1 << 16];
    while count > 0 {
        let most = usize::try_from(count).unwrap_or(usize::MAX).min(buffer.len());
        let (got, _) = bytes.fill(&mut buffer[..most]);
        count -= got as u64;
        if got < most {
            return None;
        }
    }
    Some(())
}

fn find(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}
