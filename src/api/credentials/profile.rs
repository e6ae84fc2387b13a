//! One profile of the CLI's `config.json`, in each of its modes.
//!
//! Source: `aliyun-cli`, `config/profile.go` (field names and modes).

use super::context::Context;
use super::error::SourceError;
use super::keys::Role;
use super::keys::SourceKeys;
use super::oidc::Exchange;
use super::secret::Secret;
use super::sts::Assumed;
use super::{metadata, process, uri};
use jiff::Timestamp;
use serde::Deserialize;

/// The fields that this tool uses. It does not print.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Profile {
    pub(super) name: String,
    mode: String,
    access_key_id: String,
    access_key_secret: Secret,
    sts_token: Secret,
    /// Seconds since 1970; for keys stored by a sign-in.
    sts_expiration: i64,
    sts_region: String,
    enable_vpc: bool,
    ram_role_name: String,
    ram_role_arn: String,
    ram_session_name: String,
    external_id: String,
    policy: String,
    expired_seconds: i64,
    #[serde(rename = "source_profile")]
    pub(super) source: String,
    process_command: String,
    credentials_uri: String,
    oidc_provider_arn: String,
    oidc_token_file: String,
}

/// The supported modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Ak,
    StsToken,
    RamRoleArn,
    EcsRamRole,
    /// Deprecated by the CLI, but still found in files.
    RamRoleArnWithRoleName,
    ChainableRamRoleArn,
    Oidc,
    External,
    CredentialsUri,
    /// The CLI signs in; only the keys that it stored can be used here.
    CloudSso,
    /// Like `CloudSso`.
    OAuth,
}

const MODES: [(&str, Mode); 11] = [
    ("AK", Mode::Ak),
    ("StsToken", Mode::StsToken),
    ("RamRoleArn", Mode::RamRoleArn),
    ("EcsRamRole", Mode::EcsRamRole),
    ("RamRoleArnWithRoleName", Mode::RamRoleArnWithRoleName),
    ("ChainableRamRoleArn", Mode::ChainableRamRoleArn),
    ("OIDC", Mode::Oidc),
    ("External", Mode::External),
    ("CredentialsURI", Mode::CredentialsUri),
    ("CloudSSO", Mode::CloudSso),
    ("OAuth", Mode::OAuth),
];

impl Profile {
    fn mode(&self) -> Option<Mode> {
        // The CLI ignores the case of a mode.
        let mode = |(name, _): &&(&str, Mode)| name.eq_ignore_ascii_case(&self.mode);
        MODES.iter().find(mode).map(|(_, mode)| *mode)
    }

    /// Whether its role is assumed with another profile's keys.
    pub(super) fn is_chained(&self) -> bool {
        self.mode() == Some(Mode::ChainableRamRoleArn)
    }

    /// Whether it has no mode, or is meant for a key pair and has none.
    pub(super) fn is_blank(&self) -> bool {
        let has_mode = !(self.mode.is_empty() || self.mode() == Some(Mode::Ak));
        !has_mode && self.access_key_id.is_empty() && self.access_key_secret.is_empty()
    }

    fn role(&self) -> Assumed {
        Assumed {
            role_arn: self.ram_role_arn.clone(),
            session_name: self.ram_session_name.clone(),
            external_id: self.external_id.clone(),
            policy: self.policy.clone(),
            duration_s: self.expired_seconds,
            sts_region: self.sts_region.clone(),
            vpc: self.enable_vpc,
        }
    }

    fn own_keys(&self) -> Result<SourceKeys, SourceError> {
        let (id, secret) = (self.access_key_id.clone(), self.access_key_secret.clone());
        SourceKeys::keys("its keys", id, secret, Some(self.sts_token.clone()))
    }

    /// The keys stored by a sign-in of the CLI. Signing in again needs a browser and a person.
    fn keys_of_sign_in(&self, now: Timestamp) -> Result<SourceKeys, SourceError> {
        let remedy = format!(
            "only the keys that the CLI keeps after a sign-in can be used; sign in again with \
             `aliyun configure --mode {} --profile {}`, then run any command with it",
            self.mode.escape_debug(),
            self.name.escape_debug()
        );
        if self.sts_token.is_empty() || self.access_key_id.is_empty() {
            return Err(SourceError::broken(format!("it holds no temporary keys; {remedy}")));
        }
        let expires_at = match self.sts_expiration {
            0 => None,
            second => Timestamp::from_second(second).ok(),
        };
        if let Some(past) = expires_at.filter(|end| *end <= now) {
            return Err(SourceError::broken(format!("its keys expired at {past}; {remedy}")));
        }
        self.own_keys()?.until("its keys", expires_at, now)
    }

    fn with_only_key_pair(&self) -> Result<SourceKeys, SourceError> {
        let (id, secret) = (self.access_key_id.clone(), self.access_key_secret.clone());
        SourceKeys::keys("its keys", id, secret, None)
    }
}

/// The keys of the first profile: the keys of each profile assume the role of the one before it.
pub(super) async fn keys(
    context: &Context<'_>,
    line: &[&Profile],
) -> Result<SourceKeys, SourceError> {
    let Some((base, roles)) = line.split_last() else {
        return Err(SourceError::broken("there is no profile"));
    };
    let mut found = of_one(context, base).await?;
    for profile in roles.iter().rev() {
        found = profile.role().with_keys(context, &found.credentials).await?;
    }
    Ok(found)
}

async fn of_one(context: &Context<'_>, profile: &Profile) -> Result<SourceKeys, SourceError> {
    let missing = |what| Err(SourceError::broken(format!("{what} is missing")));
    let Some(mode) = profile.mode() else {
        let known: Vec<&str> = MODES.iter().map(|(name, _)| *name).collect();
        return Err(SourceError::broken(format!(
            "its mode `{}` is not supported; it can be {}",
            profile.mode.escape_debug(),
            known.join(", ")
        )));
    };
    match mode {
        Mode::Ak => profile.with_only_key_pair(),
        Mode::StsToken if profile.sts_token.is_empty() => missing("sts_token"),
        Mode::StsToken => profile.own_keys(),
        Mode::RamRoleArn => {
            let own = profile.own_keys()?;
            profile.role().with_keys(context, &own.credentials).await
        }
        Mode::EcsRamRole => metadata::of_profile(context, &profile.ram_role_name).await,
        Mode::RamRoleArnWithRoleName => {
            let own = metadata::of_profile(context, &profile.ram_role_name).await?;
            profile.role().with_keys(context, &own.credentials).await
        }
        Mode::ChainableRamRoleArn => missing("source_profile"),
        Mode::Oidc if profile.oidc_token_file.is_empty() => missing("oidc_token_file"),
        Mode::Oidc if profile.oidc_provider_arn.is_empty() => missing("oidc_provider_arn"),
        Mode::Oidc => {
            let (token_file, provider_arn) = (&profile.oidc_token_file, &profile.oidc_provider_arn);
            Exchange { token_file, provider_arn, role: profile.role() }.exchange(context).await
        }
        Mode::External => process::keys(context, &profile.process_command).await,
        Mode::CredentialsUri if profile.credentials_uri.is_empty() => missing("credentials_uri"),
        Mode::CredentialsUri => {
            uri::fetch(context, "credentials_uri", &profile.credentials_uri).await
        }
        Mode::CloudSso | Mode::OAuth => {
            let found = profile.keys_of_sign_in(context.clock.now())?;
            let arn = Some(&profile.ram_role_arn).filter(|arn| !arn.is_empty());
            Ok(SourceKeys { role: arn.cloned().map(Role::Arn), ..found })
        }
    }
}
