//! `simulate`: the simulated service on loopback.

use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::values::duration;
use crate::clock::SystemClock;
use crate::exit::{Exit, Failure};
use crate::sim::{
    ACCESS_KEY_ID, ACCESS_KEY_SECRET, Fault, FaultRate, Faults, Grants, Service, Settings, World,
    server,
};

/// Runs the simulated service on loopback, for rehearsals, other clients and tests.
///
/// It speaks plain HTTP on 127.0.0.1 and knows one key: `testid`, with the secret `testsecret`.
/// `GET /audit` tells, as JSON and without a signature, what was granted, asked and removed, and
/// how often each rule was broken. It runs until it is interrupted.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulateArgs {
    /// The port of 127.0.0.1 to listen on; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,

    /// A CSV file of the grants there are: `user` or `user_group`, `kind`, `target`, `account`, and
    /// if wanted `instance_id`. `*` or a blank account is the target's own grant. Without a file
    /// whatever is asked for existed and is granted once.
    #[arg(long, value_name = "FILE")]
    pub grants: Option<PathBuf>,

    /// A world file, TOML or JSON: users, groups, hosts, databases, grants, rules and keys, which
    /// read operations list and writes change. docs/simulate.md describes it, and
    /// samples/world.toml is one.
    #[arg(long, value_name = "FILE", conflicts_with = "grants")]
    pub world: Option<PathBuf>,

    /// Requests per second that each operation takes, with a burst of as many; more are answered
    /// 400 `Throttling.User`. Without it there is no limit.
    #[arg(long, value_name = "N")]
    pub quota: Option<NonZeroU32>,

    /// Any number from 0; the same seed and the same requests meet the same faults.
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,

    /// Lets something go wrong, NAME=PROBABILITY with a probability from 0 to 1 per request (or
    /// per item); may be given again.
    #[arg(long = "fault", value_name = "NAME=PROBABILITY", help = fault_help())]
    pub faults: Vec<FaultRate>,

    /// An id of a user, target or account that is refused with the whole request that names it
    /// (400 `InvalidParameter`), as every id that starts with `poison` is; may be given again.
    #[arg(long, value_name = "ID")]
    pub poison: Vec<String>,

    /// The wait that the faults `throttle-retry-after` and `throttle-ratelimit` ask for, written
    /// 500ms, 10s or 2m.
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = duration)]
    pub retry_after: Duration,

    /// How late the answers of the fault `slow-answer` are, written 500ms, 10s or 2m.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub slow: Duration,
}

/// Generated, so that the help lists every fault there is.
fn fault_help() -> String {
    let mut help = "Lets something go wrong, with a probability from 0 to 1 per request (or per \
                    item where it says so); may be given again. Of the first ten and the last at \
                    most one strikes a request, the first in this order. There are:"
        .to_owned();
    for fault in Fault::ALL {
        help.extend(["\n  ", fault.name(), ": ", fault.summary()]);
    }
    help
}

/// What the arguments come to once files are read.
#[derive(Debug)]
pub struct SimulateSettings {
    /// The port of 127.0.0.1; 0 for any.
    pub port: u16,
    /// The service.
    pub service: Settings,
}

impl SimulateArgs {
    /// Reads the file of grants and puts the settings together. An error holds an
    /// [`std::io::Error`] if the file could not be opened, else a [`crate::sim::GrantsError`].
    pub fn settle(self) -> anyhow::Result<SimulateSettings> {
        let grants = match &self.grants {
            None => Grants::on_demand(),
            Some(path) => {
                let file = File::open(path)
                    .with_context(|| format!("cannot open the grants {}", path.display()))?;
                Grants::from_csv(file)
                    .with_context(|| format!("cannot use the grants {}", path.display()))?
            }
        };
        let world = match &self.world {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the world file {}", path.display()))?;
                let world = World::parse(&text)
                    .with_context(|| format!("cannot use the world file {}", path.display()))?;
                Some(world)
            }
        };
        let service = Settings {
            grants,
            world,
            quota: self.quota,
            seed: self.seed,
            faults: Faults::new(self.faults),
            poison: self.poison,
            retry_after: self.retry_after,
            slow: self.slow,
            ..Settings::default()
        };
        Ok(SimulateSettings { port: self.port, service })
    }
}

/// The command: serves until it is interrupted.
pub async fn command(args: &SimulateArgs) -> Result<Exit, Failure> {
    let settings = args.clone().settle().map_err(|error| {
        let is_missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        let exit = match error.downcast_ref::<std::io::Error>() {
            Some(error) if is_missing(error) => Exit::MissingInput,
            Some(_) => Exit::File,
            None => Exit::InvalidInput,
        };
        Failure::new(exit, format!("{error:#}"))
    })?;
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
    simulate(settings, &mut std::io::stdout(), &mut std::io::stderr(), interrupted)
        .await
        .map_err(|error| Failure::new(Exit::Configuration, format!("{error:#}")))?;
    Ok(Exit::Done)
}

/// Runs the service until `shutdown` is ready. One line on `out` says where it listens, once it
/// does; `hints` is told the key.
pub async fn simulate(
    settings: SimulateSettings,
    out: &mut (dyn Write + Send),
    hints: &mut (dyn Write + Send),
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let port = settings.port;
    let listener = server::bind(port)
        .await
        .with_context(|| format!("cannot listen on port {port} of 127.0.0.1"))?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    writeln!(out, "listening on {endpoint}")?;
    out.flush()?;
    writeln!(
        hints,
        "key {ACCESS_KEY_ID}, secret {ACCESS_KEY_SECRET}; what it saw: {endpoint}/audit"
    )?;
    hints.flush()?;
    let service = Arc::new(Mutex::new(Service::new(settings.service)));
    server::serve(listener, service, Arc::new(SystemClock), shutdown).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn parse(args: &[&str]) -> Result<SimulateArgs, String> {
        let all = std::iter::once("simulate").chain(args.iter().copied());
        Cli::try_parse_from(all).map(|cli| cli.args).map_err(|error| error.to_string())
    }

    #[test]
    fn the_help_lists_every_fault() {
        Cli::command().debug_assert();
        let help = Cli::command().render_long_help().to_string();
        for fault in Fault::ALL {
            assert!(help.contains(&format!("{}: ", fault.name())), "{help}");
        }
    }

    #[test]
    fn arguments_become_settings() {
        let args = ["--fault", "throttle=0.5", "--fault", "reset-after=1", "--slow", "2m"];
        let more = ["--poison", "9", "--quota", "10", "--seed", "7", "--retry-after", "50ms"];
        let args = parse(&[&args[..], &more].concat()).unwrap();
        assert_eq!(args.faults.len(), 2);
        let settings = args.settle().unwrap();
        assert_eq!((settings.port, settings.service.seed), (0, 7));
        assert_eq!(settings.service.quota, NonZeroU32::new(10));
        assert_eq!(settings.service.poison, ["9"]);
        assert_eq!(settings.service.slow, Duration::from_mins(2));
        assert_eq!(settings.service.retry_after, Duration::from_millis(50));
        assert!(!settings.service.grants.is_listed());
    }

    #[test]
    fn mistakes_are_explained() {
        let error = parse(&["--fault", "throtle=0.5"]).unwrap_err();
        assert!(error.contains("did you mean 'throttle'?"), "{error}");
        assert!(parse(&["--fault", "throttle=2"]).unwrap_err().contains("from 0 to 1"));
        assert!(parse(&["--slow", "2"]).unwrap_err().contains("500ms, 10s, 2m or 1h"));
        assert!(parse(&["--quota", "0"]).is_err());
    }

    #[test]
    fn the_grants_are_read_from_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.csv");
        let settle = || parse(&["--grants", path.to_str().unwrap()]).unwrap().settle();
        let error = settle().unwrap_err();
        assert!(error.downcast_ref::<std::io::Error>().is_some(), "{error:#}");
        std::fs::write(&path, "user,kind\n").unwrap();
        let error = settle().unwrap_err();
        assert!(error.downcast_ref::<crate::sim::GrantsError>().is_some(), "{error:#}");
        std::fs::write(&path, "user,kind,target,account\n1,host,2,*\n").unwrap();
        assert!(settle().unwrap().service.grants.is_listed());
    }

    #[test]
    fn the_world_is_read_from_its_file() {
        let settle = |path: &str| parse(&["--world", path]).unwrap().settle();
        assert!(settle("samples/world.toml").unwrap().service.world.is_some());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world.toml");
        std::fs::write(&path, "[[users]]\nid = 1\n").unwrap();
        let error = format!("{:#}", settle(path.to_str().unwrap()).unwrap_err());
        assert!(error.contains("world.toml: line 2, column 6: invalid type: integer"), "{error}");
        assert!(parse(&["--world", "a", "--grants", "b"]).is_err());
    }

    #[tokio::test]
    async fn it_says_where_it_listens_and_with_which_key() {
        let settings = parse(&[]).unwrap().settle().unwrap();
        let (mut out, mut hints) = (Vec::new(), Vec::new());
        simulate(settings, &mut out, &mut hints, async {}).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        let port = out.strip_prefix("listening on http://127.0.0.1:").unwrap().trim_end();
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        let hints = String::from_utf8(hints).unwrap();
        assert!(hints.starts_with("key testid, secret testsecret;"), "{hints}");
    }
}
