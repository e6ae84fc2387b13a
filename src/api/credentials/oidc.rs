//! A token of an identity provider, exchanged for keys at STS, as in pods of ACK (RRSA).

use super::context::Context;
use super::error::SourceError;
use super::keys::SourceKeys;
use super::secret::Secret;
use super::sts::Assumed;
use super::web::MAX_BYTES;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

const TOKEN_FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";
const ROLE_ARN: &str = "ALIBABA_CLOUD_ROLE_ARN";
const PROVIDER_ARN: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";

/// The token to exchange, and the role.
pub(super) struct Exchange<'a> {
    pub(super) token_file: &'a str,
    pub(super) provider_arn: &'a str,
    pub(super) role: Assumed,
}

impl Exchange<'_> {
    /// Reads the token, which is replaced about once an hour, and exchanges it.
    pub(super) async fn exchange(&self, context: &Context<'_>) -> Result<SourceKeys, SourceError> {
        let file = Path::new(self.token_file);
        let broken = |why: String| {
            Err(SourceError::broken(format!("the OIDC token file {}: {why}", file.display())))
        };
        let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES));
        let read = std::fs::File::open(file)
            .and_then(|file| file.take(MAX_BYTES as u64).read_to_string(&mut text));
        if let Err(error) = read {
            return broken(error.to_string());
        }
        let token = Secret::new(text.trim().to_owned());
        if token.is_empty() {
            return broken("it is empty".to_owned());
        }
        self.role.with_oidc(context, self.provider_arn, &token).await
    }
}

/// Exchanges the token named in the environment. `ALIBABA_CLOUD_ROLE_ARN` alone counts as absent,
/// because other sources use it too; a token without a provider, or the reverse, is an error.
pub(super) async fn keys(context: &Context<'_>) -> Result<SourceKeys, SourceError> {
    let environment = &context.settings.environment;
    let (token_file, provider_arn) = (environment.get(TOKEN_FILE)?, environment.get(PROVIDER_ARN)?);
    if token_file.is_none() && provider_arn.is_none() {
        return Err(SourceError::absent(format!("{TOKEN_FILE} is not set")));
    }
    let missing = |name| SourceError::broken(format!("{name} is not set"));
    let exchange = Exchange {
        token_file: token_file.ok_or_else(|| missing(TOKEN_FILE))?,
        provider_arn: provider_arn.ok_or_else(|| missing(PROVIDER_ARN))?,
        role: Assumed {
            role_arn: environment.get(ROLE_ARN)?.ok_or_else(|| missing(ROLE_ARN))?.to_owned(),
            ..Assumed::default()
        },
    };
    exchange.exchange(context).await
}
