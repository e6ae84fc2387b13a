//! Options of `config show` and `credentials show`.

use super::shared::ConfigurationArgs;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// `config`
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Show the effective settings of a run and their sources; accepts every option of `run`
    #[command(after_help = super::CONFIG_HELP)]
    Show(ConfigShowArgs),
}

/// `config show`: the options of `run` are added to it, see `command::command`.
#[derive(Debug, Clone, Args)]
pub struct ConfigShowArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `credentials`
#[derive(Debug, Clone, Subcommand)]
pub enum CredentialsCommand {
    /// Show which keys a run would use and who owns them; never the secret
    #[command(after_help = "\
Examples:
  bastion-revoke credentials show
  bastion-revoke credentials show --profile offboarding --verify

Sources, in order; a source that is not configured is skipped, one that is configured but
unusable ends the search (exit code 77):
  1. ALIBABA_CLOUD_ACCESS_KEY_ID, _ACCESS_KEY_SECRET and, for temporary keys, _SECURITY_TOKEN
  2. ALIBABA_CLOUD_OIDC_TOKEN_FILE, _OIDC_PROVIDER_ARN and ALIBABA_CLOUD_ROLE_ARN
  3. ~/.aliyun/config.json of the aliyun CLI; for a CloudSSO or OAuth profile only the temporary
     keys that the CLI stored at sign-in
  4. ~/.alibabacloud/credentials
  5. the role of the ECS instance, from its metadata service
  6. ALIBABA_CLOUD_CREDENTIALS_URI
Secrets are never read from the command line.")]
    Show(CredentialsShowArgs),
}

/// `credentials show`
#[derive(Debug, Clone, Args)]
pub struct CredentialsShowArgs {
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Use only the keys of this aliyun CLI profile or section of the credentials file
    #[arg(long, value_name = "NAME")]
    pub credential_profile: Option<String>,
    /// Also ask STS for the caller's identity
    #[arg(long)]
    pub verify: bool,
    /// PEM certificates to trust in addition to the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
