//! Where the shared quota is stored.

use crate::queue::connection::{ConnectionError, RedisConnection};
use redis::Value;
use std::future::Future;

/// Executes the scripts of the quota.
pub trait QuotaBackend: Send + Sync + 'static {
    /// Executes a script on the keys of the quota.
    fn eval(
        &self,
        script: &'static str,
        arguments: &[String],
    ) -> impl Future<Output = Result<Value, ConnectionError>> + Send;

    /// The time in microseconds; empty for the clock of Redis.
    fn now_us(&self) -> String {
        String::new()
    }
}

/// The quota of a stream in Redis.
#[derive(Debug)]
pub struct RedisQuotaBackend {
    /// A separate connection.
    pub link: RedisConnection,
    /// The key of the quota's hash; the list of reports has the same name with `:reports`.
    pub key: String,
}

impl QuotaBackend for RedisQuotaBackend {
    async fn eval(
        &self,
        script: &'static str,
        arguments: &[String],
    ) -> Result<Value, ConnectionError> {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(2).arg(&self.key).arg(format!("{}:reports", self.key));
        command.arg(arguments);
        self.link.query(&command).await
    }
}
