//! STS: assumes a role with a key pair or a token, and returns the caller's identity.
//!
//! Source: `AssumeRole`, `AssumeRoleWithOIDC` and `GetCallerIdentity` of STS, version 2015-04-01;
//! `credentials-go`, `ram_role_arn.go` and `oidc.go`.

use super::caller::Identity;
use super::context::Context;
use super::error::SourceError;
use super::keys::Role;
use super::keys::{Credentials, SourceKeys};
use super::reply::{Issued, word};
use super::secret::{Secret, redact};
use super::web::{self, Answer, HttpRequest};
use crate::api::sign::{self, Pair};
use crate::api::transport::headers;
use crate::clock::utc_seconds;
use http::Method;
use reqwest::Url;
use serde::Deserialize;
use std::time::Duration;
use zeroize::Zeroizing;

const VERSION: &str = "2015-04-01";
/// As in the SDKs: 5 seconds to connect, 10 in total.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The lifetime of keys unless a profile sets one; at least a quarter of an hour.
const DURATION_S: i64 = 3600;
const LEAST_DURATION_S: i64 = 900;
/// Long enough for a sentence of an error.
const MAX_MESSAGE: usize = 300;

/// The answer of both ways to assume a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedReply {
    credentials: Issued,
}

/// A role to assume.
#[derive(Debug, Clone, Default)]
pub(super) struct Assumed {
    pub(super) role_arn: String,
    pub(super) session_name: String,
    pub(super) external_id: String,
    pub(super) policy: String,
    /// 0 for the default.
    pub(super) duration_s: i64,
    pub(super) sts_region: String,
    pub(super) vpc: bool,
}

impl Assumed {
    /// Assumes the role with other keys.
    pub(super) async fn with_keys(
        &self,
        context: &Context<'_>,
        keys: &Credentials,
    ) -> Result<SourceKeys, SourceError> {
        let own = [("ExternalId", self.external_id.as_str())];
        let secrets: Vec<&Secret> = keys.secrets().collect();
        self.call(context, "AssumeRole", &own, Some(keys), &secrets).await
    }

    /// Assumes the role with a token of an identity provider; nothing is signed.
    pub(super) async fn with_oidc(
        &self,
        context: &Context<'_>,
        provider_arn: &str,
        token: &Secret,
    ) -> Result<SourceKeys, SourceError> {
        let own = [("OIDCProviderArn", provider_arn), ("OIDCToken", token.expose())];
        self.call(context, "AssumeRoleWithOIDC", &own, None, &[token]).await
    }

    async fn call(
        &self,
        context: &Context<'_>,
        action: &'static str,
        own: &[Pair<'_>],
        keys: Option<&Credentials>,
        secrets: &[&Secret],
    ) -> Result<SourceKeys, SourceError> {
        if self.role_arn.is_empty() {
            return Err(SourceError::broken("the role's ARN is missing"));
        }
        let duration_s = if self.duration_s == 0 { DURATION_S } else { self.duration_s };
        if duration_s < LEAST_DURATION_S {
            return Err(SourceError::broken(format!(
                "{duration_s} s is too short for a role: at least {LEAST_DURATION_S} s"
            )));
        }
        let environment = &context.settings.environment;
        let of_environment = environment.get("ALIBABA_CLOUD_ROLE_SESSION_NAME")?;
        let session_name = if self.session_name.is_empty() {
            of_environment.unwrap_or("bastion-revoke")
        } else {
            &self.session_name
        };
        let duration = duration_s.to_string();
        let mut all = vec![
            ("RoleArn", self.role_arn.as_str()),
            ("RoleSessionName", session_name),
            ("DurationSeconds", &duration),
            ("Policy", &self.policy),
        ];
        all.extend(own);
        all.retain(|(_, value)| !value.is_empty());
        let address = address(context, &self.sts_region, self.vpc)?;
        let body = call(context, &address, action, &all, keys, secrets).await?;

        let place = format!("the answer of STS to {action}");
        let reply: AssumedReply = web::json(&place, &body)?;
        let found = reply.credentials.found(&place, context.clock.now())?;
        Ok(SourceKeys { role: Some(Role::Arn(self.role_arn.clone())), ..found })
    }
}

/// The caller's identity according to STS.
pub(super) async fn identity(
    context: &Context<'_>,
    keys: &Credentials,
) -> Result<Identity, SourceError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Reply {
        account_id: String,
        arn: String,
        identity_type: String,
        #[serde(default)]
        user_id: String,
    }
    let address = address(context, "", false)?;
    let action = "GetCallerIdentity";
    let secrets: Vec<&Secret> = keys.secrets().collect();
    let body = call(context, &address, action, &[], Some(keys), &secrets).await?;
    let reply: Reply = web::json(&format!("the answer of STS to {action}"), &body)?;
    let Reply { account_id, arn, identity_type, user_id } = reply;
    Ok(Identity { account_id, arn, identity_type, user_id })
}

/// The configured address, or `sts[-vpc].REGION.aliyuncs.com`, or `sts.aliyuncs.com`.
fn address(context: &Context<'_>, region: &str, vpc: bool) -> Result<Url, SourceError> {
    let settings = context.settings;
    if let Some(fixed) = &settings.sts_endpoint {
        return Ok(fixed.clone());
    }
    let environment = &settings.environment;
    let region = Some(region)
        .filter(|region| !region.is_empty())
        .or(environment.get("ALIBABA_CLOUD_STS_REGION")?)
        .or(settings.region.as_deref());
    let is_vpc = vpc || environment.is_true("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED");
    let host = match region {
        None => "sts.aliyuncs.com".to_owned(),
        Some(region) => {
            let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if !region.bytes().all(is_part) {
                return Err(SourceError::broken(format!(
                    "the STS region `{}` is not the name of a region",
                    region.escape_debug()
                )));
            }
            format!("sts{}.{region}.aliyuncs.com", if is_vpc { "-vpc" } else { "" })
        }
    };
    Url::parse(&format!("https://{host}/"))
        .map_err(|error| SourceError::broken(format!("the address of STS: {error}")))
}

/// Calls STS once, signed with v1 if there are keys, and returns the body of a successful answer.
async fn call(
    context: &Context<'_>,
    address: &Url,
    action: &'static str,
    own: &[Pair<'_>],
    keys: Option<&Credentials>,
    secrets: &[&Secret],
) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let timestamp = utc_seconds(context.clock.now());
    let nonce = context.clock.nonce();
    let mut common = vec![
        ("Action", action),
        ("Format", "JSON"),
        ("Timestamp", &timestamp),
        ("Version", VERSION),
    ];
    // Tokens go into the body: proxies log queries.
    let mut body = own.to_vec();
    let signature;
    if let Some(keys) = keys {
        common.extend([
            ("AccessKeyId", keys.access_key_id.as_str()),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", &nonce),
            ("SignatureVersion", "1.0"),
        ]);
        if let Some(token) = &keys.security_token {
            body.push(("SecurityToken", token.expose()));
        }
        let all: Vec<Pair<'_>> = common.iter().chain(&body).copied().collect();
        let string_to_sign = Zeroizing::new(sign::v1_string_to_sign("POST", &all));
        signature = sign::v1_signature(keys.access_key_secret.expose(), &string_to_sign);
        common.push(("Signature", &signature));
    }
    let mut url = address.clone();
    url.set_query(Some(&sign::form_encode(common.iter().copied())));
    let question = HttpRequest {
        method: Method::POST,
        url,
        headers: headers([
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
        ]),
        body: Zeroizing::new(sign::form_encode(body.iter().copied())),
        timeout: TIMEOUT,
    };
    let answer = web::ask(context, question).await.map_err(|silence| {
        let at = web::origin(address);
        SourceError::broken(format!("STS at {at} did not answer {action}: {}", silence.why()))
    })?;
    if answer.status == 200 {
        return Ok(answer.body);
    }
    // Cut only after redaction: half a secret would not be found.
    let why = redact(refusal(action, &answer), secrets.iter().copied());
    Err(SourceError::Broken(why.chars().take(MAX_MESSAGE).collect()))
}

fn refusal(action: &str, answer: &Answer) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Refusal {
        code: String,
        #[serde(default)]
        message: String,
    }
    let refused = format!("STS refused {action} with HTTP status {}", answer.status);
    let Ok(Refusal { code, message }) = serde_json::from_slice(&answer.body) else {
        return refused;
    };
    let code = word(&code);
    if code.eq_ignore_ascii_case("SignatureDoesNotMatch") {
        // The message repeats the signed text.
        return format!("{refused}: {code} (the access key secret is wrong)");
    }
    if code.eq_ignore_ascii_case("InvalidTimeStamp.Expired") {
        return format!("{refused}: {code} (this machine's clock is wrong)");
    }
    format!("{refused}: {code} ({message})")
}
