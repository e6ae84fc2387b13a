//! The queue, on a real Redis server and with real workers.

mod checker;
mod proxy;
mod server;
mod workers;

mod failures;
mod fleet;
mod jobs;
mod monitoring;
mod operating;
mod rows;
mod service;
mod tls;

pub(crate) use server::{Redis, free_port};
