//! `simulate`: the simulated service on loopback.

use std::future::Future;
use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::cli::simulate::SimulateArgs;
use crate::clock::SystemClock;
use crate::config::simulate::SimulateSettings;
use crate::exit::{Exit, Failure};
use crate::sim::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, Service, server};

/// The command: serves until it is interrupted.
pub async fn command(args: &SimulateArgs) -> Result<Exit, Failure> {
    let settings = SimulateSettings::settle(args.clone())?;
    let interrupted = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            },
            Err(_) => drop(tokio::signal::ctrl_c().await),
        }
    };
    simulate(settings, &mut std::io::stdout(), &mut std::io::stderr(), interrupted).await?;
    Ok(Exit::Done)
}

/// Runs the service until `shutdown` is ready. Writes its address to `out` once it listens, and the
/// key to `hints`.
pub async fn simulate(
    settings: SimulateSettings,
    out: &mut (dyn Write + Send),
    hints: &mut (dyn Write + Send),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let port = settings.port;
    let listener = server::bind(port).await.and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    let (listener, address) = listener.map_err(|error| {
        let message = format!("cannot listen on port {port} of 127.0.0.1: {error}");
        Failure::new(Exit::Configuration, message)
    })?;
    let endpoint = format!("http://{address}");
    let mut print = || {
        writeln!(out, "listening on {endpoint}")?;
        out.flush()?;
        writeln!(
            hints,
            "access key {ACCESS_KEY_ID}, secret {ACCESS_KEY_SECRET}; audit: {endpoint}/audit"
        )?;
        hints.flush()
    };
    print().map_err(|error| Failure::new(Exit::File, format!("cannot write: {error}")))?;
    let service = Arc::new(Mutex::new(Service::new(settings.service)));
    server::serve(listener, service, Arc::new(SystemClock), shutdown).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Settings;

    #[tokio::test]
    async fn it_prints_its_address_and_the_key() {
        let settings = SimulateSettings { port: 0, service: Settings::default() };
        let (mut out, mut hints) = (Vec::new(), Vec::new());
        simulate(settings, &mut out, &mut hints, async {}).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        let port = out.strip_prefix("listening on http://127.0.0.1:").unwrap().trim_end();
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        let hints = String::from_utf8(hints).unwrap();
        assert!(hints.starts_with("access key testid, secret testsecret;"), "{hints}");
    }
}
