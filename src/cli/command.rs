//! The whole command as clap knows it, and which of its options are settings.

use super::Cli;
use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command, CommandFactory as _};

/// The commands whose options are settings: they can be set by variables and files, too.
const SETTABLE_COMMANDS: [&str; 2] = ["run", "work"];

/// Options that decide about one run. A file that everybody in a folder shares can't set them.
pub const OF_ONE_RUN: [&str; 7] =
    ["yes", "restart", "report-only", "only", "plan", "approve", "approval"];

/// Options that say where settings are taken from, and so are none themselves.
pub const OF_SETTINGS: [&str; 2] = ["config", "profile"];

/// Options that are no setting although a setting of `run` has their name: the file that `run`
/// writes is not a list.
const OWN_MEANING: [(&str, &str); 4] =
    [("export", "out"), ("who", "out"), ("offboard", "out"), ("restore", "out")];

/// Whether this option of this command is not the setting of the same name.
pub fn has_own_meaning(command: &str, option: &str) -> bool {
    OWN_MEANING.contains(&(command, option))
}

/// Options of every command that are settings.
const SETTABLE_EVERYWHERE: [&str; 1] = ["log-format"];

/// Commands with an option that takes the place of the list.
const LIST_OR_PLAN: [(&str, &str); 3] = [("run", "plan"), ("enqueue", "plan"), ("plan", "open")];

/// The command as help, completions and the manual show it.
pub fn command() -> Command {
    let command = Cli::command();
    let settings = settings_of(&command);
    let command = LIST_OR_PLAN.into_iter().fold(command, |command, (name, instead)| {
        command.mut_subcommand(name, |sub| {
            sub.mut_arg("inputs", |inputs| inputs.required(false).required_unless_present(instead))
        })
    });
    command.mut_subcommand("config", |config| {
        config.mut_subcommand("show", |show| {
            let own: Vec<String> =
                show.get_arguments().map(|arg| arg.get_id().to_string()).collect();
            let is_new = |arg: &Arg| !own.contains(&arg.get_id().to_string());
            settings.into_iter().filter(is_new).fold(show, Command::arg)
        })
    })
}

/// The command as it is parsed: a switch also takes `=true` or `=false`, for something else may
/// have turned it on.
pub fn parsing() -> Command {
    with_switches(command())
}

fn with_switches(command: Command) -> Command {
    command.mut_args(as_parsed).mut_subcommands(with_switches)
}

fn as_parsed(arg: Arg) -> Arg {
    let is_switch = is_switch(&arg) && arg.get_long().is_some_and(|long| long != "quiet");
    if !is_switch {
        let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        // `-1` is then told to be no value of this option, and not an option of its own.
        return arg.allow_negative_numbers(takes_value);
    }
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value("false")
        .value_parser(BoolishValueParser::new())
}

/// Whether the option is on or off.
pub fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// Every option that is a setting, in the order of the help.
pub fn settable() -> Vec<Arg> {
    let command = Cli::command();
    let settings = settings_of(&command).into_iter();
    let is_setting = |arg: &Arg| arg.get_long().is_none_or(|long| !OF_SETTINGS.contains(&long));
    let everywhere = command
        .get_arguments()
        .filter(|arg| arg.get_long().is_some_and(|long| SETTABLE_EVERYWHERE.contains(&long)));
    settings.filter(is_setting).chain(everywhere.cloned()).collect()
}

/// The options of the commands that have settings, each once.
fn settings_of(command: &Command) -> Vec<Arg> {
    let mut all: Vec<Arg> = Vec::new();
    let commands = SETTABLE_COMMANDS.iter().filter_map(|name| command.find_subcommand(name));
    for arg in commands.flat_map(Command::get_arguments) {
        if arg.get_long().is_some() && all.iter().all(|known| known.get_id() != arg.get_id()) {
            all.push(arg.clone());
        }
    }
    all
}

/// The variable that sets an option: `BASTION_REVOKE_MAX_USERS` for `max-users`.
pub fn variable(option: &str) -> String {
    format!("BASTION_REVOKE_{}", option.replace('-', "_").to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_hold_together() {
        command().debug_assert();
        parsing().debug_assert();
    }

    #[test]
    fn every_option_of_run_is_a_setting() {
        let names: Vec<String> = settable().iter().map(|arg| arg.get_id().to_string()).collect();
        for name in ["out", "rate", "map", "skip_invalid", "signature", "log_format"] {
            assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
        }
        for name in ["inputs", "help", "verbose", "config", "profile"] {
            assert!(!names.contains(&name.to_owned()), "{name}: {names:?}");
        }
    }

    #[test]
    fn a_switch_can_be_turned_off() {
        let of = |arg: &str| {
            let matches = parsing().get_matches_from(["x", "run", "list.csv", arg]);
            matches.subcommand_matches("run").is_some_and(|run| run.get_flag("skip_invalid"))
        };
        assert!(of("--skip-invalid") && of("--skip-invalid=yes"));
        assert!(!of("--skip-invalid=false") && !of("--json"));
    }
}
