//! Keys at hand at any time: looked up once, renewed before they expire.

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

/// How long before their end keys are renewed, as the SDKs do it.
const MARGIN: SignedDuration = SignedDuration::from_secs(180);
/// After a try to renew, the next one waits so long while the old keys still do.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// Keys that were renewed at the service's word and are refused within this time are not renewed
/// again: the fault is elsewhere.
const FORCED_PAUSE: SignedDuration = SignedDuration::from_secs(180);

/// Finds keys, keeps them and renews them.
pub struct Provider {
    /// Nothing for keys that were given.
    settings: Option<ChainSettings>,
    clock: Arc<dyn WallClock>,
    held: Mutex<Held>,
    /// Whoever renews holds this; it is never held together with `held` across a wait.
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
struct Held {
    keys: Option<(Source, Arc<SourceKeys>)>,
    /// When a renewal was last tried.
    tried_at: Option<Timestamp>,
    /// When a renewal that the service asked for last gave other keys.
    forced_at: Option<Timestamp>,
}

impl Provider {
    /// Keys that are given and last.
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

    /// Keys from the chain of sources; nothing is looked up before the first call of
    /// [`current`](Self::current).
    pub fn from_chain(settings: ChainSettings, clock: Arc<dyn WallClock>) -> Self {
        Self {
            settings: Some(settings),
            clock,
            held: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
        }
    }

    /// Keys that are good now. Within three minutes of their end one caller renews them and the
    /// others go on with the old ones; once they have ended all wait. A renewal that fails is an
    /// error only then.
    pub async fn current(&self) -> Result<Arc<Credentials>, CredentialsError> {
        Ok(Arc::clone(&self.found().await?.1.credentials))
    }

    /// The service refused `rejected` as expired: whether there are other keys now. The source is
    /// asked again, at most once for the same keys. Keys that can't change stay as they are.
    pub async fn renew(&self, rejected: &Credentials) -> Result<bool, CredentialsError> {
        let is_held = |held: &Held| {
            held.keys.as_ref().is_some_and(|(_, found)| *found.credentials == *rejected)
        };
        if !is_held(&self.held()) {
            // Another caller was quicker.
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

    /// Where the keys come from, and whose they are as far as that is known here.
    pub async fn describe(&self) -> Result<Caller, CredentialsError> {
        let (source, found) = self.found().await?;
        Ok(Caller::new(source, &found))
    }

    /// Asks STS who the caller is.
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
            // Somebody else is at it, and these will do meanwhile.
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

    /// Asks the source that had keys; nothing for keys that can't change.
    async fn ask_again(&self, held: &Held) -> Result<Option<SourceKeys>, CredentialsError> {
        let (Some((source, found)), Some(context)) = (&held.keys, self.context()) else {
            return Ok(None);
        };
        chain::again(context, *source, found.profile.as_deref()).await.map(Some)
    }

    /// Keys that need no renewal, or whose renewal was tried a moment ago.
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

    /// Keys that have not ended.
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
