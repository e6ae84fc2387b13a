//! `docs/src/commands.md` is made from what clap knows, so that it has every option of every command.

use std::fmt::Write as _;

use bastion_revoke::cli::Cli;
use bastion_revoke::cli::command::{command, is_switch};
use clap::{Arg, Command, CommandFactory as _};

use super::assert_published;

const HEAD: &str = "\
# Commands and options

This page is made from the help of the commands; a test compares it. `bastion-revoke COMMAND --help`
prints the same, and `bastion-revoke man | man -l -` shows it as a manual.
";

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn help(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string);
    let mut text = cell(&help.unwrap_or_default());
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() && !is_switch(arg) {
        let _ = write!(text, " ({})", values.join(", "));
    }
    text
}

/// An option as it is written: `--out FILE`.
fn written(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let takes_value = arg.get_action().takes_values();
    let value = names.first().filter(|_| takes_value).map(|name| format!(" {name}"));
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let value = value.unwrap_or_default().replace('|', "\\|");
    match arg.get_long() {
        Some(long) => format!("{short}`--{long}{value}`"),
        None => format!("`{}`", value.trim()),
    }
}

fn options(page: &mut String, args: &[&Arg]) {
    if args.is_empty() {
        return;
    }
    page.push_str("\n| option | default | |\n|---|---|---|\n");
    for arg in args {
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|value| value.display().to_string()).collect();
        let default = if defaults.is_empty() || is_switch(arg) {
            String::new()
        } else {
            format!("`{}`", defaults.join(","))
        };
        let _ = writeln!(page, "| {} | {default} | {} |", written(arg), help(arg));
    }
}

/// The part of a command, and those of its own commands.
fn section(page: &mut String, path: &str, command: &Command) {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "\n## {path}\n\n{about}\n");
    let is_own = |arg: &&Arg| !arg.is_global_set() && !arg.is_hide_set();
    let mut args: Vec<&Arg> =
        command.get_arguments().filter(is_own).filter(|arg| arg.get_id() != "help").collect();
    args.sort_by_key(|arg| !arg.is_positional());
    // `config show` has all options of `run` again.
    if path != "config show" {
        options(page, &args);
    }
    if let Some(more) = command.get_after_help() {
        let _ = write!(page, "\n```text\n{more}\n```\n");
    }
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        section(page, &format!("{path} {}", inner.get_name()), inner);
    }
}

fn reference() -> String {
    let whole = command();
    let mut page = HEAD.to_owned();
    page.push_str("\nThese options belong to every command:\n");
    let global: Vec<&Arg> = whole.get_arguments().filter(|arg| arg.is_global_set()).collect();
    options(&mut page, &global);
    // As declared: changing a command moves it to the end.
    for declared in Cli::command().get_subcommands() {
        let name = declared.get_name();
        section(&mut page, name, whole.find_subcommand(name).expect("the same commands"));
    }
    page
}

#[test]
fn the_page_of_commands_is_what_clap_knows() {
    assert_published("docs/src/commands.md", &reference());
}

/// Every command that does something, as it is typed.
fn commands(path: &str, command: &Command, all: &mut Vec<(String, Vec<String>)>) {
    let inner: Vec<&Command> = command.get_subcommands().collect();
    if inner.is_empty() {
        let longs = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let longs = longs.filter_map(Arg::get_long).filter(|long| *long != "help");
        all.push((path.to_owned(), longs.map(|long| format!("--{long}")).collect()));
    }
    for inner in inner {
        commands(&format!("{path} {}", inner.get_name()), inner, all);
    }
}

/// Whether a text has this word, and not only as the beginning of another.
fn has_word(text: &str, word: &str) -> bool {
    let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
    text.match_indices(word).any(|(at, _)| text[at + word.len()..].starts_with(is_end))
}

#[test]
fn every_command_and_option_is_explained_in_a_page_that_people_wrote() {
    let written = super::written_pages();
    let mut all = Vec::new();
    for inner in command().get_subcommands() {
        commands(inner.get_name(), inner, &mut all);
    }
    assert!(all.len() > 10, "the commands are found: {all:?}");
    let mut missing = Vec::new();
    for (name, options) in &all {
        let forms = [format!("bastion-revoke {name}"), format!("`{name}")];
        if !forms.iter().any(|form| has_word(&written, form)) {
            missing.push(format!("`bastion-revoke {name}`"));
        }
        let unknown = options.iter().filter(|option| {
            ![format!("`{option}"), format!(" {option}")]
                .iter()
                .any(|form| has_word(&written, form))
        });
        missing.extend(unknown.map(|option| format!("`{option}` of {name}")));
    }
    assert!(missing.is_empty(), "neither README nor docs/src explains {missing:#?}");
}
