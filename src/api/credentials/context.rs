//! The input of every source of credentials.

use super::error::SourceError;
use super::settings::ChainSettings;
use crate::clock::WallClock;

/// Settings and clock of a look-up.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) settings: &'a ChainSettings,
    pub(super) clock: &'a dyn WallClock,
}

impl Context<'_> {
    /// The requested profile and the option or variable that names it.
    pub(super) fn profile(&self) -> Result<Option<(&str, &'static str)>, SourceError> {
        const PROFILE: &str = "ALIBABA_CLOUD_PROFILE";
        if let Some(profile) = &self.settings.profile {
            return Ok(Some((profile, "--credential-profile (or --profile)")));
        }
        Ok(self.settings.environment.get(PROFILE)?.map(|profile| (profile, PROFILE)))
    }
}
