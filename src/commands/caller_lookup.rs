//! Whose keys a run uses, looked up while the run goes on.

use crate::api::credentials::{Identity, Provider};
use crate::ledger::CallerRecord;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long the end of a run waits for the answer of STS.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// A look-up in the background. A run neither waits for it before it sends, nor fails with it.
pub(super) struct CallerLookup {
    provider: Arc<Provider>,
    identity: JoinHandle<Option<Identity>>,
}

impl CallerLookup {
    /// Asks STS if it may; else only the keys are known.
    pub(super) fn start(provider: Arc<Provider>, may_ask_sts: bool) -> Self {
        let asked = Arc::clone(&provider);
        let identity = tokio::spawn(async move {
            if !may_ask_sts {
                return None;
            }
            let identity = asked.identity().await;
            if let Err(error) = &identity {
                tracing::debug!(%error, "STS did not say who the caller is");
            }
            identity.ok()
        });
        Self { provider, identity }
    }

    /// What is known of the caller.
    pub(super) async fn finish(mut self) -> Option<CallerRecord> {
        let identity = tokio::time::timeout(TIME_LIMIT, &mut self.identity).await;
        self.identity.abort();
        let identity = identity.ok().and_then(Result::ok).flatten();
        let caller = self.provider.describe().await.ok()?;
        let (arn, account_id) = identity.map(|known| (known.arn, known.account_id)).unzip();
        Some(CallerRecord {
            source: caller.source.to_owned(),
            access_key_id: caller.access_key_id,
            arn,
            account_id,
        })
    }
}
