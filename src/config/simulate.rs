//! Settings of `simulate`.

use crate::cli::simulate::SimulateArgs;
use crate::exit::{Exit, Failure};
use crate::sim::{Faults, Grants, Settings, World};
use std::fs::File;
use std::path::Path;

/// Settings of `simulate`.
#[derive(Debug)]
pub struct SimulateSettings {
    /// The port of 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// The service.
    pub service: Settings,
}

impl SimulateSettings {
    /// Settings of a command line; reads the file of grants.
    pub fn settle(args: SimulateArgs) -> Result<Self, Failure> {
        let service = Settings {
            grants: args.grants.as_deref().map_or_else(|| Ok(Grants::on_demand()), grants)?,
            world: args.world.as_deref().map(world).transpose()?,
            quota: args.quota,
            seed: args.seed,
            faults: Faults::new(args.faults),
            poison: args.poison,
            retry_after: args.retry_after,
            slow: args.slow,
            ..Settings::default()
        };
        Ok(Self { port: args.port, service })
    }
}

fn grants(path: &Path) -> Result<Grants, Failure> {
    let file = File::open(path).map_err(|error| unreadable("the grants", path, &error))?;
    Grants::from_csv(file).map_err(|error| {
        Failure::new(
            Exit::InvalidInput,
            format!("cannot use the grants {}: {error}", path.display()),
        )
    })
}

/// Reads a world file.
pub fn world(path: &Path) -> Result<World, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| unreadable("the world file", path, &error))?;
    World::parse(&text).map_err(|error| {
        let message = format!("cannot use the world file {}: {error}", path.display());
        Failure::new(Exit::InvalidInput, message)
    })
}

fn unreadable(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let missing = error.kind() == std::io::ErrorKind::NotFound;
    let exit = if missing { Exit::MissingInput } else { Exit::File };
    Failure::new(exit, format!("cannot read {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Fault;
    use clap::{CommandFactory, Parser};
    use std::num::NonZeroU32;
    use std::time::Duration;

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
        let settings = SimulateSettings::settle(args).unwrap();
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
        let settle =
            || SimulateSettings::settle(parse(&["--grants", path.to_str().unwrap()]).unwrap());
        assert_eq!(settle().unwrap_err().exit, Exit::MissingInput);
        std::fs::write(&path, "user,kind\n").unwrap();
        assert_eq!(settle().unwrap_err().exit, Exit::InvalidInput);
        std::fs::write(&path, "user,kind,target,account\n1,host,2,*\n").unwrap();
        assert!(settle().unwrap().service.grants.is_listed());
    }

    #[test]
    fn the_world_is_read_from_its_file() {
        let settle = |path: &str| SimulateSettings::settle(parse(&["--world", path]).unwrap());
        assert!(settle("samples/world.toml").unwrap().service.world.is_some());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world.toml");
        std::fs::write(&path, "[[users]]\nid = 1\n").unwrap();
        let error = settle(path.to_str().unwrap()).unwrap_err().message;
        assert!(error.contains("world.toml: line 2, column 6: invalid type: integer"), "{error}");
        assert!(parse(&["--world", "a", "--grants", "b"]).is_err());
    }
}
