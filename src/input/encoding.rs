//! The encodings that are read.

use std::fmt;
use std::str::FromStr;

/// How an input writes its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, the low byte first: the "Unicode text" of spreadsheets.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// GB18030, of which GBK and GB2312 are parts.
    Gb18030,
}

impl Encoding {
    /// The name in settings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Gb18030 => "gb18030",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name of an encoding that this tool does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown encoding {0:?}: write utf-8, utf-16le, utf-16be or gb18030 (also for GBK)")]
pub struct UnknownEncoding(String);

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "utf8" => Ok(Self::Utf8),
            "utf16le" => Ok(Self::Utf16Le),
            "utf16be" => Ok(Self::Utf16Be),
            "gb18030" | "gbk" | "gb2312" => Ok(Self::Gb18030),
            _ => Err(UnknownEncoding(name.to_owned())),
        }
    }
}
