//! Shared by the tests of all sources.

use super::context::Context;
use super::environment::Environment;
use super::error::SourceError;
use super::keys::SourceKeys;
use super::settings::ChainSettings;
use crate::clock::WallClock;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// A clock that only moves when a test moves it.
pub(super) struct TestClock(Mutex<Timestamp>, AtomicU32);

impl TestClock {
    pub(super) fn new() -> Self {
        Self(Mutex::new(now()), AtomicU32::new(0))
    }

    pub(super) fn pass(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

impl WallClock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn nonce(&self) -> String {
        format!("nonce-{}", self.1.fetch_add(1, Ordering::Relaxed))
    }
}

pub(super) fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

/// Keys valid for an hour.
pub(super) const ISSUED: &str = r#"{"Code":"Success","AccessKeyId":"testid2",
"AccessKeySecret":"testsecret2","SecurityToken":"testtoken2","Expiration":"2026-01-02T04:04:05Z"}"#;

/// The same as returned by STS.
pub(super) fn assumed() -> String {
    format!(r#"{{"RequestId":"R","Credentials":{ISSUED}}}"#)
}

pub(super) fn absent(found: Result<SourceKeys, SourceError>) -> String {
    match found {
        Err(SourceError::Absent(why)) => why,
        other => panic!("not absent: {other:?}"),
    }
}

pub(super) fn broken(found: Result<SourceKeys, SourceError>) -> String {
    match found {
        Err(SourceError::Broken(why)) => why,
        other => panic!("not broken: {other:?}"),
    }
}

/// The settings of a test, with its own home directory; no address leads to another machine.
pub(super) struct Fixture {
    pub(super) settings: ChainSettings,
    pub(super) clock: TestClock,
    home: tempfile::TempDir,
}

impl Fixture {
    pub(super) fn new(variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let environment: Environment = variables.iter().copied().collect();
        let nowhere = "http://127.0.0.1:1/".parse().unwrap();
        let settings = ChainSettings {
            sts_endpoint: Some(nowhere),
            metadata_endpoint: Some("http://127.0.0.1:1/".parse().unwrap()),
            ..ChainSettings::new(environment, Some(home.path().to_owned()))
        };
        Self { settings, clock: TestClock::new(), home }
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context { settings: &self.settings, clock: &self.clock }
    }

    /// Writes a file below the home directory.
    pub(super) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}
