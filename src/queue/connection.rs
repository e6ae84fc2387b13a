//! The connection to Redis: made when it is needed, and made anew when it is lost.

use super::address::Address;
use crate::api::credentials::Secret;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates, Value,
};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a connection or a reply may take.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Redis did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It can't be reached, or can't answer now; whether it did what was asked is not known.
    #[error("Redis does not answer: {0}")]
    Unreachable(String),
    /// The stream or its group is not there (any more).
    #[error("the stream's group is gone")]
    NoGroup,
    /// The password or the access control list says no (exit 77).
    #[error("Redis refuses: {0}")]
    Denied(String),
    /// Anything else (exit 78).
    #[error("Redis can't do it: {0}")]
    Unfit(String),
}

impl LinkError {
    /// Whether it may go away by itself.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::NoGroup)
    }
}

/// A connection that several tasks share.
#[derive(Debug)]
pub struct Link {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    /// Prepares a connection; nothing is sent yet. `ca_pem` takes the place of the system's
    /// certificates.
    pub fn new(
        address: &Address,
        password: Option<&Secret>,
        ca_pem: Option<Vec<u8>>,
    ) -> Result<Self, LinkError> {
        // An earlier caller in this process may have installed the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let host = address.host.clone();
        let place = if address.tls {
            ConnectionAddr::TcpTls { host, port: address.port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, address.port)
        };
        let mut login = RedisConnectionInfo::default().set_db(address.db);
        if let Some(user) = &address.user {
            login = login.set_username(user);
        }
        if let Some(password) = password {
            login = login.set_password(password.expose());
        }
        let unfit = |error: RedisError| LinkError::Unfit(error.to_string());
        let info = place.into_connection_info().map_err(unfit)?.set_redis_settings(login);
        let client = if address.tls {
            let certificates = TlsCertificates { client_tls: None, root_cert: ca_pem };
            Client::build_with_tls(info, certificates).map_err(unfit)?
        } else {
            Client::open(info).map_err(unfit)?
        };
        Ok(Self { client, connection: Mutex::new(None) })
    }

    /// Another connection to the same place: a read that waits must not hold others up.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { client: self.client.clone(), connection: Mutex::new(None) }
    }

    /// Asks once. After an error that may pass the next question makes a new connection.
    pub async fn ask(&self, question: &Cmd) -> Result<Value, LinkError> {
        let mut connection = self.connected().await?;
        let answer = connection.send_packed_command(question).await;
        let answer = answer.and_then(Value::extract_error);
        match answer.map_err(|error| judge(&error)) {
            Ok(value) => Ok(value),
            Err(error) => {
                if matches!(error, LinkError::Unreachable(_)) {
                    *self.connection.lock().await = None;
                }
                Err(error)
            }
        }
    }

    async fn connected(&self) -> Result<MultiplexedConnection, LinkError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let made = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let made = made.map_err(|error| judge(&error))?;
        *connection = Some(made.clone());
        Ok(made)
    }
}

fn judge(error: &RedisError) -> LinkError {
    let whole = error.to_string();
    let has = |word: &str| whole.contains(word);
    let said = plain(&whole);
    let code = error.code().unwrap_or_default();
    match (error.kind(), code) {
        (_, "NOGROUP") => LinkError::NoGroup,
        // A script passes on what a command of it met.
        _ if has("NOGROUP") => LinkError::NoGroup,
        (ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm), _)
        | (_, "NOAUTH" | "WRONGPASS" | "NOPERM") => LinkError::Denied(said),
        _ if has("NOPERM") => LinkError::Denied(said),
        (
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask,
            ),
            _,
        ) => LinkError::Unreachable(said),
        (_, "OOM" | "BUSY" | "MISCONF" | "NOREPLICAS" | "UNBLOCKED") => {
            LinkError::Unreachable(said)
        }
        _ if ["OOM command", "MISCONF", "READONLY", "NOREPLICAS"].into_iter().any(has) => {
            LinkError::Unreachable(said)
        }
        // Waiting does not mend a certificate that is not to be trusted.
        _ if has("invalid peer certificate") => LinkError::Unfit(said),
        (ErrorKind::Io, _) => LinkError::Unreachable(said),
        _ if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() => {
            LinkError::Unreachable(said)
        }
        _ => LinkError::Unfit(said),
    }
}

/// What Redis said, without characters that a terminal would act on.
fn plain(said: &str) -> String {
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect()
}
