//! The connection to a queue.

use crate::cli::queue::QueueArgs;
use crate::config::queue::QueueSettings;
use crate::exit::{Exit, Failure};
use crate::queue::address::Address;
use crate::queue::connection::RedisConnection;
use std::path::Path;

/// A connected queue.
#[derive(Debug)]
pub struct QueueConnection {
    /// Its address.
    pub address: Address,
    /// The connection, made on first use.
    pub connection: RedisConnection,
}

impl QueueConnection {
    /// Connects to the queue of a command line.
    pub fn open(args: &QueueArgs, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let QueueSettings { address, password, ca_pem } = QueueSettings::settle(args, ca_file)?;
        let connection = RedisConnection::new(&address, password.as_ref(), ca_pem)
            .map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
        Ok(Self { address, connection })
    }
}
