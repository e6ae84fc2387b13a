//! Keys from a URI, served by a helper of the platform.
//!
//! Source: `credentials-go`, `uri.go`.

use super::context::Context;
use super::error::SourceError;
use super::keys::SourceKeys;
use super::reply::Issued;
use super::web::{self, HttpRequest};
use http::{HeaderMap, Method};
use reqwest::Url;
use std::time::Duration;
use zeroize::Zeroizing;

const URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";
const TIMEOUT: Duration = Duration::from_secs(5);

/// The keys from the environment's URI.
pub(super) async fn keys(context: &Context<'_>) -> Result<SourceKeys, SourceError> {
    match context.settings.environment.get(URI)? {
        None => Err(SourceError::absent(format!("{URI} is not set"))),
        Some(uri) => fetch(context, URI, uri).await,
    }
}

/// The keys from a URI; `name` is the setting that contains it. Only its host is ever shown, since
/// its path may be a secret.
pub(super) async fn fetch(
    context: &Context<'_>,
    name: &str,
    uri: &str,
) -> Result<SourceKeys, SourceError> {
    let url = Url::parse(uri).map_err(|_| SourceError::broken(format!("{name} is not a URL")))?;
    let place = format!("{name} at {}", web::origin(&url));
    let question = HttpRequest {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Zeroizing::default(),
        timeout: TIMEOUT,
    };
    let answer = web::ask(context, question)
        .await
        .map_err(|silence| SourceError::broken(format!("{place}: {}", silence.why())))?;
    if answer.status != 200 {
        return Err(SourceError::broken(format!("{place} answered HTTP status {}", answer.status)));
    }
    let place = format!("the answer of {place}");
    web::json::<Issued>(&place, &answer.body)?.found(&place, context.clock.now())
}
