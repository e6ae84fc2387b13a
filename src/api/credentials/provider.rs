//! Caches keys and renews them before they expire.

use super::caller::{Caller, Identity};
use super::chain;
use super::context::Context;
use super::error::{CredentialsError, Source};
use super::keys::{Credentials, SourceKeys};
use super::settings::ChainSettings;
use super::sts;
use crate::clock::WallClock;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

/// Keys are renewed this long before they expire, like in the SDKs.
const MARGIN: SignedDuration = SignedDuration::from_secs(180);
/// The pause between two attempts to renew keys that are still valid.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// Keys that were renewed on request of the service and are refused again within this time are not
/// renewed again: the cause is another one.
const FORCED_PAUSE: SignedDuration = SignedDuration::from_secs(180);

/// Finds, caches and renews keys.
pub struct Provider {
    /// `None` for fixed keys.
    settings: Option<ChainSettings>,
    clock: Arc<dyn WallClock>,
    held: Mutex<Held>,
    /// Held by the caller that renews; never held together with `held` across an await.
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
struct Held {
    keys: Option<(Source, Arc<SourceKeys>)>,
    /// When a renewal was last attempted.
    tried_at: Option<Timestamp>,
    /// When a renewal that the service asked for last gave other keys.
    forced_at: Option<Timestamp>,
}

impl Provider {
    /// Fixed keys that do not expire.
    pub fn fixed(credentials: Credentials, clock: Arc<dyn WallClock>) -> Self {
        let found = SourceKeys {
            credentials: Arc::new(credentials),
            expires_at: None,
            profile: None,
            role: None,
        };
        let held = Held { keys: Some((Source::Given, Arc::new(found))), ..Held::default() };
        Self {
            settings: None,
            clock,
            held: Mutex::new(held),
            renewing: tokio::sync::Mutex::default(),
        }
    }

    /// Keys from the chain of sources. The first look-up happens in the first call of
    /// [`current`](Self::current).
    pub fn from_chain(settings: ChainSettings, clock: Arc<dyn WallClock>) -> Self {
        Self {
            settings: Some(settings),
            clock,
            held: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
        }
    }

    /// Valid keys. In the last three minutes before they expire one caller renews them, and the
    /// others continue with the old ones. After that all callers wait, and a failed renewal is an
    /// error.
    pub async fn current(&self) -> Result<Arc<Credentials>, CredentialsError> {
        Ok(Arc::clone(&self.found().await?.1.credentials))
    }

    /// The service refused `rejected` as expired. Returns whether there are other keys now. The
    /// source is asked again, at most once for the same keys. Fixed keys don't change.
    pub async fn renew(&self, rejected: &Credentials) -> Result<bool, CredentialsError> {
        let is_held = |held: &Held| {
            held.keys.as_ref().is_some_and(|(_, found)| *found.credentials == *rejected)
        };
        if !is_held(&self.held()) {
            // Another caller has renewed them.
            return Ok(true);
        }
        let _alone = self.renewing.lock().await;
        let held = self.held();
        if !is_held(&held) {
            return Ok(true);
        }
        let now = self.clock.now();
        if held.forced_at.is_some_and(|forced| now.duration_since(forced) < FORCED_PAUSE) {
            return Ok(false);
        }
        let Some(found) = self.ask_again(&held).await? else { return Ok(false) };
        let is_other = *found.credentials != *rejected;
        self.hold(|held| {
            held.forced_at = Some(now);
            if let Some((_, keys)) = held.keys.as_mut() {
                *keys = Arc::new(found);
            }
        });
        Ok(is_other)
    }

    /// The source and owner of the keys, as far as known without a request.
    pub async fn describe(&self) -> Result<Caller, CredentialsError> {
        let (source, found) = self.found().await?;
        Ok(Caller::new(source, &found))
    }

    /// Asks STS for the caller's identity.
    pub async fn identity(&self) -> Result<Identity, CredentialsError> {
        let (source, found) = self.found().await?;
        let broken = |why: String| CredentialsError::Broken { source, why, before: Vec::new() };
        let Some(context) = self.context() else {
            return Err(broken("keys that were given are not looked up at STS".to_owned()));
        };
        sts::identity(&context, &found.credentials).await.map_err(|trouble| {
            let (super::error::SourceError::Absent(why) | super::error::SourceError::Broken(why)) =
                trouble;
            broken(why)
        })
    }

    async fn found(&self) -> Result<(Source, Arc<SourceKeys>), CredentialsError> {
        if let Some(keys) = self.good_keys() {
            return Ok(keys);
        }
        let usable = self.usable_keys();
        let _alone = match usable {
            // Another caller is renewing; these are still valid.
            Some(keys) => match self.renewing.try_lock() {
                Ok(alone) => alone,
                Err(_) => return Ok(keys),
            },
            None => self.renewing.lock().await,
        };
        if let Some(keys) = self.good_keys() {
            return Ok(keys);
        }
        let outcome = self.look_up().await;
        let now = self.clock.now();
        match outcome {
            Ok(keys) => {
                self.hold(|held| {
                    held.keys = Some(keys.clone());
                    held.tried_at = Some(now);
                });
                tracing::debug!(source = %keys.0, expires_at = ?keys.1.expires_at, "credentials");
                Ok(keys)
            }
            Err(error) => {
                self.hold(|held| held.tried_at = Some(now));
                let keys = self.usable_keys().ok_or_else(|| error.clone())?;
                tracing::warn!(%error, "the credentials could not be renewed; the old ones still do");
                Ok(keys)
            }
        }
    }

    async fn look_up(&self) -> Result<(Source, Arc<SourceKeys>), CredentialsError> {
        let held = self.held();
        if let Some((source, _)) = &held.keys
            && let Some(found) = self.ask_again(&held).await?
        {
            return Ok((*source, Arc::new(found)));
        }
        match self.context() {
            Some(context) => {
                let (source, found) = chain::search(context).await?;
                Ok((source, Arc::new(found)))
            }
            None => Err(CredentialsError::Absent(Vec::new())),
        }
    }

    /// Asks the source of the current keys again; `None` for fixed keys.
    async fn ask_again(&self, held: &Held) -> Result<Option<SourceKeys>, CredentialsError> {
        let (Some((source, found)), Some(context)) = (&held.keys, self.context()) else {
            return Ok(None);
        };
        chain::ask_again(context, *source, found.profile.as_deref()).await.map(Some)
    }

    /// Keys that need no renewal, or whose renewal was attempted a moment ago.
    fn good_keys(&self) -> Option<(Source, Arc<SourceKeys>)> {
        let held = self.held();
        let now = self.clock.now();
        let (_, found) = held.keys.as_ref()?;
        let left = found.expires_at.map(|end| end.duration_since(now));
        let was_tried = held.tried_at.is_some_and(|at| now.duration_since(at) < PAUSE);
        let is_good =
            left.is_none_or(|left| left > MARGIN || left > SignedDuration::ZERO && was_tried);
        held.keys.filter(|_| is_good)
    }

    /// Keys that have not expired.
    fn usable_keys(&self) -> Option<(Source, Arc<SourceKeys>)> {
        let now = self.clock.now();
        self.held().keys.filter(|(_, found)| found.expires_at.is_none_or(|end| end > now))
    }

    fn context(&self) -> Option<Context<'_>> {
        let settings = self.settings.as_ref()?;
        Some(Context { settings, clock: &*self.clock })
    }

    fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let source = self.held().keys.map(|(source, _)| source);
        f.debug_struct("Provider").field("source", &source).finish_non_exhaustive()
    }
}
