//! The connection to Redis: opened on first use, and opened again after it was lost.

use super::address::Address;
use crate::api::credentials::Secret;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates, Value,
};
use std::time::Duration;
use tokio::sync::Mutex;

/// The timeout of a connection and of a reply.
const TIMEOUT: Duration = Duration::from_secs(4);

/// A command to Redis failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// Redis is unreachable or overloaded. Whether it executed the command is unknown.
    #[error("Redis is unreachable: {0}; check --queue, the network and the server")]
    Unreachable(String),
    /// The stream or its consumer group does not exist (any more).
    #[error("the consumer group of the stream does not exist")]
    NoGroup,
    /// The password or the access control list refused the command (exit 77).
    #[error("Redis refused access: {0}")]
    Denied(String),
    /// Any other error (exit 78).
    #[error("Redis is not usable: {0}")]
    Unusable(String),
}

impl ConnectionError {
    /// Whether a later attempt may succeed without a change of configuration.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::NoGroup)
    }
}

/// A connection that tasks share; commands are multiplexed.
#[derive(Debug)]
pub struct RedisConnection {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl RedisConnection {
    /// Prepares a connection; nothing is sent yet. `ca_pem` replaces the system's certificates.
    pub fn new(
        address: &Address,
        password: Option<&Secret>,
        ca_pem: Option<Vec<u8>>,
    ) -> Result<Self, ConnectionError> {
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
        let unfit = |error: RedisError| ConnectionError::Unusable(error.to_string());
        let info = place.into_connection_info().map_err(unfit)?.set_redis_settings(login);
        let client = if address.tls {
            let certificates = TlsCertificates { client_tls: None, root_cert: ca_pem };
            Client::build_with_tls(info, certificates).map_err(unfit)?
        } else {
            Client::open(info).map_err(unfit)?
        };
        Ok(Self { client, connection: Mutex::new(None) })
    }

    /// A separate connection to the same server: a blocking read must not delay other commands.
    #[must_use]
    pub fn reconnectable_clone(&self) -> Self {
        Self { client: self.client.clone(), connection: Mutex::new(None) }
    }

    /// Sends a command once. After a connection error the next command opens a new connection.
    pub async fn query(&self, command: &Cmd) -> Result<Value, ConnectionError> {
        let mut connection = self.connected().await?;
        let reply = connection.send_packed_command(command).await;
        let reply = reply.and_then(Value::extract_error);
        match reply.map_err(|error| classify(&error)) {
            Ok(value) => Ok(value),
            Err(error) => {
                if matches!(error, ConnectionError::Unreachable(_)) {
                    *self.connection.lock().await = None;
                }
                Err(error)
            }
        }
    }

    async fn connected(&self) -> Result<MultiplexedConnection, ConnectionError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let opened = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let opened = opened.map_err(|error| classify(&error))?;
        *connection = Some(opened.clone());
        Ok(opened)
    }
}

fn classify(error: &RedisError) -> ConnectionError {
    let whole = error.to_string();
    let has = |word: &str| whole.contains(word);
    let message = printable(&whole);
    let code = error.code().unwrap_or_default();
    match (error.kind(), code) {
        (_, "NOGROUP") => ConnectionError::NoGroup,
        // A script returns the error of its command in its own message.
        _ if has("NOGROUP") => ConnectionError::NoGroup,
        (ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm), _)
        | (_, "NOAUTH" | "WRONGPASS" | "NOPERM") => ConnectionError::Denied(message),
        _ if has("NOPERM") => ConnectionError::Denied(message),
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
        ) => ConnectionError::Unreachable(message),
        (_, "OOM" | "BUSY" | "MISCONF" | "NOREPLICAS" | "UNBLOCKED") => {
            ConnectionError::Unreachable(message)
        }
        _ if ["OOM command", "MISCONF", "READONLY", "NOREPLICAS"].into_iter().any(has) => {
            ConnectionError::Unreachable(message)
        }
        // A certificate that is not trusted does not become so by waiting.
        _ if has("invalid peer certificate") => ConnectionError::Unusable(message),
        (ErrorKind::Io, _) => ConnectionError::Unreachable(message),
        _ if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() => {
            ConnectionError::Unreachable(message)
        }
        _ => ConnectionError::Unusable(message),
    }
}

/// The message of Redis without control characters, at most 400 characters.
fn printable(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect()
}
