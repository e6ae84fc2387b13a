//! The role of the ECS instance, from its metadata service.
//!
//! Source: "Instance metadata" of the ECS user guide; `credentials-go`, `ecs_ram_role.go`.

use super::context::Context;
use super::error::SourceError;
use super::keys::Role;
use super::keys::SourceKeys;
use super::reply::Issued;
use super::settings::METADATA_ADDRESS;
use super::web::{self, Answer, HttpRequest, NoAnswer};
use crate::api::transport::headers;
use http::{HeaderMap, Method};
use reqwest::Url;
use std::time::Duration;
use zeroize::Zeroizing;

const ROLE: &str = "ALIBABA_CLOUD_ECS_METADATA";
const DISABLED: &str = "ALIBABA_CLOUD_ECS_METADATA_DISABLED";
const V1_DISABLED: &str = "ALIBABA_CLOUD_IMDSV1_DISABLED";
/// The service is local: it answers at once or is not there.
const TIMEOUT: Duration = Duration::from_secs(1);
/// At an address from the settings the service is there, so a busy machine gets more time.
const TIMEOUT_OF_SET_ENDPOINT: Duration = Duration::from_secs(3);
const TOKEN_TTL_S: &str = "21600";
const ROLES_PATH: &str = "/latest/meta-data/ram/security-credentials/";

/// The keys of the role named in the environment, or of the instance's role.
pub(super) async fn keys(context: &Context<'_>) -> Result<SourceKeys, SourceError> {
    let environment = &context.settings.environment;
    if environment.is_true(DISABLED) {
        return Err(SourceError::absent(format!("switched off by {DISABLED}")));
    }
    match environment.get(ROLE)? {
        Some(role) => named(context, role).await.map_err(|trouble| trouble.into_broken(ROLE)),
        None => fetch(context, None).await,
    }
}

/// The keys of the role of a profile; of the instance's role if it names none.
pub(super) async fn of_profile(
    context: &Context<'_>,
    role: &str,
) -> Result<SourceKeys, SourceError> {
    let environment = &context.settings.environment;
    if environment.is_true(DISABLED) {
        return Err(SourceError::broken(format!(
            "the ECS metadata are switched off by {DISABLED}"
        )));
    }
    let role = Some(role).filter(|role| !role.is_empty()).or(environment.get(ROLE)?);
    let found = match role {
        Some(role) => named(context, role).await,
        None => fetch(context, None).await,
    };
    found.map_err(|trouble| trouble.into_broken("ECS metadata"))
}

async fn named(context: &Context<'_>, role: &str) -> Result<SourceKeys, SourceError> {
    if !is_role(role) {
        return Err(SourceError::broken(format!("`{}` is not a role's name", role.escape_debug())));
    }
    fetch(context, Some(role)).await
}

async fn fetch(context: &Context<'_>, role: Option<&str>) -> Result<SourceKeys, SourceError> {
    let token = token(context).await?;
    let role = match role {
        Some(role) => role.to_owned(),
        None => own_role(context, token.as_ref()).await?,
    };
    let answer = get(context, &format!("{ROLES_PATH}{role}"), token.as_ref()).await?;
    if answer.status == 404 {
        return Err(SourceError::absent(format!("the instance does not have the role {role}")));
    }
    let body = good(answer)?;
    let place = "the answer of the metadata service";
    let found = web::json::<Issued>(place, &body)?.found(place, context.clock.now())?;
    Ok(SourceKeys { role: Some(Role::Instance(role)), ..found })
}

/// A token for version 2 of the service; `None` if only version 1 is served and allowed.
async fn token(context: &Context<'_>) -> Result<Option<HeaderMap>, SourceError> {
    let asked = headers([("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_TTL_S)]);
    let why = match ask(context, Method::PUT, "/latest/api/token", asked).await {
        Ok(answer) if answer.status == 200 => {
            let token = Zeroizing::new(String::from_utf8_lossy(&answer.body).trim().to_owned());
            let mut token = headers([("x-aliyun-ecs-metadata-token", token.as_str())]);
            if token.values().all(|value| !value.is_empty()) && !token.is_empty() {
                token.values_mut().for_each(|value| value.set_sensitive(true));
                return Ok(Some(token));
            }
            "it gave no token".to_owned()
        }
        Ok(answer) => format!("it answered HTTP status {}", answer.status),
        Err(NoAnswer::Unreachable(why)) => return Err(SourceError::absent(why)),
        Err(silence) => silence.why(),
    };
    if context.settings.environment.is_true(V1_DISABLED) {
        return Err(SourceError::broken(format!(
            "the metadata service has no version 2 ({why}), and {V1_DISABLED} forbids version 1"
        )));
    }
    Ok(None)
}

async fn own_role(context: &Context<'_>, token: Option<&HeaderMap>) -> Result<String, SourceError> {
    let answer = get(context, ROLES_PATH, token).await?;
    if answer.status == 404 {
        return Err(SourceError::absent("the instance has no role"));
    }
    let body = good(answer)?;
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let role = text.lines().next().unwrap_or_default().trim();
    if !is_role(role) {
        return Err(SourceError::broken(format!(
            "the metadata service gave something that is not a role's name; set {DISABLED}=true \
             if this is no ECS instance"
        )));
    }
    Ok(role.to_owned())
}

/// Whether it is safe in the path.
fn is_role(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(is_part)
        && !name.bytes().all(|byte| byte == b'.')
}

async fn get(
    context: &Context<'_>,
    path: &str,
    token: Option<&HeaderMap>,
) -> Result<Answer, SourceError> {
    let headers = token.cloned().unwrap_or_default();
    ask(context, Method::GET, path, headers).await.map_err(|silence| match silence {
        NoAnswer::Unreachable(why) => SourceError::absent(why),
        // On a machine that is no instance, a firewall that drops packets looks like this.
        NoAnswer::Failed(why) if token.is_none() => SourceError::absent(why),
        silence => SourceError::broken(format!("the metadata service: {}", silence.why())),
    })
}

fn good(answer: Answer) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    Err(SourceError::broken(format!(
        "the metadata service answered HTTP status {}; set {DISABLED}=true if this is no ECS \
         instance",
        answer.status
    )))
}

async fn ask(
    context: &Context<'_>,
    method: Method,
    path: &str,
    headers: HeaderMap,
) -> Result<Answer, NoAnswer> {
    let (url, timeout) = match &context.settings.metadata_endpoint {
        Some(url) => (Ok(url.clone()), TIMEOUT_OF_SET_ENDPOINT),
        None => (Url::parse(METADATA_ADDRESS), TIMEOUT),
    };
    let mut url = url.map_err(|error| NoAnswer::Unusable(error.to_string()))?;
    url.set_path(path);
    let body = Zeroizing::default();
    web::ask(context, HttpRequest { method, url, headers, body, timeout }).await
}
