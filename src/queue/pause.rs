//! Follows whether the queue is paused.

use super::admin::paused_since;
use super::connection::RedisConnection;
use super::keys::Keys;
use super::metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The interval between requests.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Asks once, and then every second until the returned task is aborted. While Redis is unreachable
/// the last answer counts; nothing is sent then anyway.
pub async fn monitor(
    link: RedisConnection,
    keys: Keys,
    metrics: Arc<Metrics>,
) -> (watch::Receiver<bool>, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = watch::channel(false);
    poll(&link, &keys, &metrics, &sender).await;
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            poll(&link, &keys, &metrics, &sender).await;
        }
    });
    (receiver, task)
}

async fn poll(
    link: &RedisConnection,
    keys: &Keys,
    metrics: &Metrics,
    sender: &watch::Sender<bool>,
) {
    let Ok(since) = paused_since(link, keys).await else { return };
    let is_paused = since.is_some();
    metrics.set_paused(is_paused);
    let changed =
        sender.send_if_modified(|before| std::mem::replace(before, is_paused) != is_paused);
    match since {
        Some(since) if changed => {
            tracing::warn!(since, "the queue is paused; to continue: bastion-revoke queue resume");
        }
        None if changed => tracing::info!("the queue is resumed"),
        _ => {}
    }
}
