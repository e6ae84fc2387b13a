//! A minimal client: builds, signs, sends and decodes requests, and stores nothing.

use anyhow::ensure;
use bastion_revoke::api::sign;
use bastion_revoke::clock::{SystemClock, WallClock, utc_seconds};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Host {
    host_id: String,
    host_account_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(borrow)]
    results: Vec<Target<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target<'a> {
    code: Cow<'a, str>,
    #[serde(borrow)]
    host_accounts: Vec<Item<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item<'a> {
    code: Cow<'a, str>,
}

/// Sends full requests of different users, `concurrency` at once.
pub(crate) async fn send(requests: usize, concurrency: usize, url: String) -> anyhow::Result<()> {
    // The same provider as the product; an earlier round may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().http1_only().build()?;
    let hosts = (100..110).map(|host| Host {
        host_id: host.to_string(),
        host_account_ids: (2000..2010).map(|account| account.to_string()).collect(),
    });
    let hosts: Arc<[Host]> = hosts.collect();
    let next = Arc::new(AtomicUsize::new(0));
    let tasks = (0..concurrency).map(|_| {
        let (hosts, url, client, next) = (hosts.clone(), url.clone(), client.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let user = next.fetch_add(1, Ordering::Relaxed);
                if user >= requests {
                    return anyhow::Ok(());
                }
                one(&hosts, &user.to_string(), &url, &client).await?;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    Ok(())
}

async fn one(
    hosts: &[Host],
    user: &str,
    url: &str,
    client: &reqwest::Client,
) -> anyhow::Result<()> {
    let hosts = serde_json::to_string(hosts)?;
    let (nonce, now) = (SystemClock.nonce(), utc_seconds(SystemClock.now()));
    let mut form = sign::Form::from_iter([
        ("AccessKeyId", "testid"),
        ("Action", "DetachHostAccountsFromUser"),
        ("Format", "JSON"),
        ("Hosts", &hosts),
        ("InstanceId", "bastionhost-cn-abc"),
        ("RegionId", "cn-hangzhou"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", &nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &now),
        ("UserId", user),
        ("Version", "2019-12-09"),
    ]);
    let to_sign = sign::v1_string_to_sign_of("POST", &[&form]);
    let signature = sign::v1_signature("testsecret", &to_sign);
    form.push(("Signature", &signature));
    let sending = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into_text());
    let body = sending.send().await?.bytes().await?;
    let answer: Answer<'_> = serde_json::from_slice(&body)?;
    let is_ok = |target: &Target<'_>| {
        target.code == "OK" && target.host_accounts.iter().all(|item| item.code == "OK")
    };
    ensure!(answer.results.iter().all(is_ok), "not all is well");
    Ok(())
}
