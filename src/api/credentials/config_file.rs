//! Reads the configuration files of the CLI and the SDKs.

use super::context::Context;
use super::error::SourceError;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// A file of profiles has a few KB; a larger one is something else.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads the file named by a variable, or else one below the home directory. A named file that does
/// not exist is an error.
pub(super) fn read(
    context: &Context<'_>,
    variable: &'static str,
    below_home: &str,
) -> Result<(String, Zeroizing<Vec<u8>>), SourceError> {
    let settings = context.settings;
    let named = settings.environment.get(variable)?;
    let path = match (named, &settings.home) {
        (Some(path), _) => Path::new(path).to_owned(),
        (None, Some(home)) => home.join(below_home),
        (None, None) => return Err(SourceError::absent("the home directory is not known")),
    };
    let mut text = Zeroizing::new(Vec::new());
    let opened = std::fs::File::open(&path).and_then(|file| {
        // Allocated at full size: a growing buffer would leave copies in memory.
        let bytes = file.metadata()?.len().min(MAX_FILE_BYTES) + 1;
        text.reserve_exact(usize::try_from(bytes).unwrap_or_default());
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text)
    });
    let shown = match named {
        Some(path) => path.to_owned(),
        None => format!("~/{below_home}"),
    };
    match opened {
        Ok(bytes) if bytes as u64 > MAX_FILE_BYTES => {
            Err(SourceError::broken(format!("{shown} is longer than {MAX_FILE_BYTES} bytes")))
        }
        Ok(_) => Ok((shown, text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match named {
            Some(_) => {
                Err(SourceError::broken(format!("{variable} names {shown}, which does not exist")))
            }
            None => Err(SourceError::absent(format!("{shown} does not exist"))),
        },
        Err(error) => Err(SourceError::broken(format!("{shown} can't be read: {error}"))),
    }
}
