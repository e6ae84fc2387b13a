//! What commands have in common that read an instance: the connection, the progress, and the files
//! that they write.

use super::api_session::ApiSession;
use super::own_file;
use crate::api::caller::Caller;
use crate::api::reading::{ReadError, Reader};
use crate::api::transport::HttpTransport;
use crate::cli::RequestArgs;
use crate::clock::{SystemClock, WallClock};
use crate::config::RequestSettings;
use crate::exit::{Exit, Failure};
use crate::input::{NameKind, NameQuery, ObjectKind};
use crate::report::calls::CallProgress;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Reads one instance at the rate of `--read-rate` and shows the progress.
pub(super) struct Connection {
    pub(super) session: ApiSession,
    pub(super) caller: Arc<Caller<HttpTransport>>,
    pub(super) reader: Reader<HttpTransport>,
    pub(super) progress: Arc<CallProgress>,
}

impl Connection {
    /// Finds credentials and sets up the network.
    pub(super) async fn open(
        args: &RequestArgs,
        instance_id: &str,
        region: &str,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let requests = RequestSettings::settle(args, 0);
        let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
        let session = ApiSession::connect(&requests, [region], &clock).await;
        let session = session.map_err(super::names::failure)?;
        let client = session
            .client([region])
            .map_err(|message| Failure::new(Exit::Configuration, message))?;
        let rate_per_s = requests.read_rate_per_s;
        let progress = Arc::new(CallProgress::new(rate_per_s, quiet));
        let shown = Arc::clone(&progress);
        let caller = Caller::new(client, rate_per_s, requests.engine.concurrency)
            .with_progress(Box::new(move |calls| shown.on_call(calls)));
        let caller = Arc::new(caller);
        let reader = Reader::new(Arc::clone(&caller), instance_id, region);
        Ok(Self { session, caller, reader, progress })
    }
}

/// How often what is not as expected is read again: reads may lag behind writes.
const MORE_READINGS: u32 = 3;

/// Reads `open` until `read` leaves none of them open, and again over the time `lag`; with a `lag` of 0
/// once. Returns those that are left.
pub(super) async fn read_again<I>(
    mut open: Vec<I>,
    lag: Duration,
    mut read: impl AsyncFnMut(Vec<I>) -> Result<Vec<I>, ReadError>,
) -> Result<Vec<I>, ReadError> {
    for reading in 0..=MORE_READINGS {
        if open.is_empty() || (reading > 0 && lag.is_zero()) {
            break;
        }
        if reading > 0 {
            tokio::time::sleep(lag / MORE_READINGS).await;
        }
        open = read(open).await?;
    }
    Ok(open)
}

/// The query for a name of one instance.
pub(super) fn name_query(
    instance_id: &str,
    region: &str,
    object: ObjectKind,
    by: NameKind,
    text: &str,
) -> NameQuery {
    NameQuery {
        instance_id: instance_id.to_owned(),
        region: region.to_owned(),
        object,
        parent_id: String::new(),
        by,
        text: text.to_owned(),
        protocol: String::new(),
    }
}

/// Refuses to overwrite a file that is not an earlier one of the same command.
pub(super) fn refuse_other_file(path: &Path, columns: &[&str]) -> Result<(), Failure> {
    own_file::refuse_other_file("--out", path, &columns.join(","), "an earlier export")
}

/// Writes a file completely or not at all.
pub(super) fn save(path: &Path, text: &[u8]) -> Result<(), Failure> {
    own_file::save(path, |to| to.write_all(text)).map_err(|error: std::io::Error| {
        Failure::new(Exit::File, format!("{}: cannot write: {error}", path.display()))
    })
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::new(Exit::Credentials, format!("cannot read who has access to what: {error}"))
    }
}
