//! What the settings of a run say about its job, before its list is read.

use super::list;
use crate::config::RunSettings;
use crate::exit::Failure;
use crate::input::Options;
use crate::ledger::{JobIdentity, JobOptions, JobSpec};
use std::path::Path;

/// The content of the file of `--protect`, with its name: as recorded, or as it is now.
pub fn protect_content(settings: &RunSettings) -> Result<Option<(String, Vec<u8>)>, Failure> {
    let name = settings.protect.as_deref().map(|path| path.to_string_lossy().into_owned());
    let content = match (&settings.protect_content, &settings.protect) {
        (Some(content), _) => content.clone(),
        (None, Some(path)) => list::protect_content(path)?,
        (None, None) => return Ok(None),
    };
    Ok(Some((name.unwrap_or_default(), content)))
}

/// The part of a specification that the settings give. `options`: with the ids of names.
pub fn spec_of(
    settings: &RunSettings,
    options: &Options,
    protect_content: Option<&[u8]>,
) -> JobSpec {
    let map = options.map.iter().map(|(field, column)| (field.name().to_owned(), column.clone()));
    let mut spec = JobSpec {
        identity: JobIdentity {
            endpoint: settings.requests.endpoint.as_ref().map(ToString::to_string),
            only: options.only.clone(),
            ..JobIdentity::default()
        },
        options: JobOptions {
            instance_id: options.default_instance_id.clone(),
            region: options.default_region.clone(),
            map: map.collect(),
            encoding: options.encoding.map(|encoding| encoding.to_string()),
            skip_invalid: settings.skip_invalid,
            protect: settings.protect.as_deref().map(absolute),
            skip_protected: settings.skip_protected,
            excel: settings.excel,
            names: options.names.as_deref().cloned().unwrap_or_default(),
            guards: settings.guards(),
            protect_base64: None,
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        approval: settings.approval.clone(),
        ..JobSpec::default()
    };
    spec.options.set_protect_content(protect_content);
    spec
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}
