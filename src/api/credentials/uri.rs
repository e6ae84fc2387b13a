//! Keys that a URI gives, as a helper of the platform serves them.
//!
//! Source: `credentials-go`, `uri.go`.

use super::chain::Context;
use super::error::Trouble;
use super::keys::Found;
use super::reply::Issued;
use super::web::{self, Question};
use http::{HeaderMap, Method};
use reqwest::Url;
use std::time::Duration;
use zeroize::Zeroizing;

const URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";
const TIMEOUT: Duration = Duration::from_secs(5);

/// The keys that the environment's URI gives.
pub(super) async fn keys(context: &Context<'_>) -> Result<Found, Trouble> {
    match context.settings.environment.get(URI)? {
        None => Err(Trouble::absent(format!("{URI} is not set"))),
        Some(uri) => fetch(context, URI, uri).await,
    }
}

/// The keys that a URI gives; `name` tells where it stands. Only its host is ever shown, since
/// its path may be a secret.
pub(super) async fn fetch(context: &Context<'_>, name: &str, uri: &str) -> Result<Found, Trouble> {
    let url = Url::parse(uri).map_err(|_| Trouble::broken(format!("{name} is not a URL")))?;
    let place = format!("{name} at {}", web::origin(&url));
    let question = Question {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Zeroizing::default(),
        timeout: TIMEOUT,
    };
    let answer = web::ask(context, question)
        .await
        .map_err(|silence| Trouble::broken(format!("{place}: {}", silence.why())))?;
    if answer.status != 200 {
        return Err(Trouble::broken(format!("{place} answered HTTP status {}", answer.status)));
    }
    let place = format!("the answer of {place}");
    web::json::<Issued>(&place, &answer.body)?.found(&place, context.clock.now())
}
