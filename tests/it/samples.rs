//! The samples for operators are valid: the systemd unit, the crontab and the Kubernetes objects, with
//! the commands in them. The workflows of CI are checked here too.

use crate::python::{interpreter, run};
use crate::sandbox::{Sandbox, program, sample};
use bastion_revoke::cli::command;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Fails unless these arguments are a command line of bastion-revoke.
#[track_caller]
fn parses(arguments: &[String]) {
    let words = std::iter::once("bastion-revoke").chain(arguments.iter().map(String::as_str));
    if let Err(error) = command::parsing().try_get_matches_from(words) {
        panic!("{arguments:?}: {error}");
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(sample(name)).expect("a sample")
}

#[test]
fn systemd_accepts_the_unit_without_a_warning() {
    let binary = env!("CARGO_BIN_EXE_bastion-revoke");
    let unit = read("bastion-revoke-work.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("ExecStart");
    let mut words =
        start.split(' ').map(|word| word.replace("%H-%i", "host-1").replace("%S", "/s"));
    assert_eq!(words.next().as_deref(), Some("/usr/local/bin/bastion-revoke"));
    // The queue comes from the environment file.
    let arguments: Vec<String> = words.collect();
    let queue = ["--queue".to_owned(), "redis://127.0.0.1/revocations".to_owned()];
    parses(&[arguments, queue.to_vec()].concat());
    let sandbox = Sandbox::new();
    let name = "bastion-revoke-work@1.service";
    sandbox.file(name, unit.replace("/usr/local/bin/bastion-revoke", binary));
    let mut verify = program("systemd-analyze", "systemd");
    let output = verify.arg("verify").arg(sandbox.path(name)).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    // An unknown key is a warning, and the key then has no effect.
    let about_unit: Vec<&str> = errors.lines().filter(|line| line.contains(name)).collect();
    assert!(output.status.success() && about_unit.is_empty(), "{errors}");
}

/// Whether a field of a crontab is `*`, or numbers and ranges within bounds, each with a step or not.
fn is_time_field(field: &str, least: u32, most: u32) -> bool {
    let is_number =
        |text: &str| text.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number));
    field.split(',').all(|part| {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let is_range = match range.split_once('-') {
            Some((from, to)) => is_number(from) && is_number(to) && from.len() <= to.len(),
            None => range == "*" || is_number(range),
        };
        is_range && step.parse::<u32>().is_ok_and(|step| step > 0)
    })
}

/// The command of a line of `/etc/cron.d`: five fields of time, a user, and the rest.
fn cron_command(line: &str) -> Result<&str, String> {
    let mut rest = line;
    let mut next = || {
        rest = rest.trim_start();
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        rest = after;
        field
    };
    for (least, most) in [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)] {
        let field = next();
        if !is_time_field(field, least, most) {
            return Err(format!("`{field}` is not within {least} to {most}"));
        }
    }
    let user = next();
    if user.is_empty() || !user.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
        return Err(format!("`{user}` is no user"));
    }
    let command = rest.trim();
    // Cron takes what follows a percent sign as standard input.
    if command.is_empty() || command.contains('%') {
        return Err(format!("`{command}` is no command"));
    }
    Ok(command)
}

#[test]
fn the_crontab_runs_commands_that_exist() {
    let crontab = read("bastion-revoke.cron");
    assert!(crontab.ends_with('\n'), "cron ignores a last line without an end");
    let lines = crontab.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let is_setting = |line: &&str| {
        let name = line.split('=').next().unwrap_or_default();
        line.contains('=') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let (settings, jobs): (Vec<&str>, Vec<&str>) = lines.partition(is_setting);
    let path = settings.iter().find_map(|line| line.strip_prefix("PATH=")).expect("a PATH");
    assert!(path.split(':').any(|folder| folder == "/usr/local/bin"), "cargo and cp install there");
    assert!(!jobs.is_empty());
    for job in jobs {
        let command = cron_command(job).unwrap_or_else(|why| panic!("{job}: {why}"));
        run(Command::new("sh").args(["-n", "-c", command]), "the shell understands the command");
        assert!(command.starts_with("set -a &&"), "the keys must be exported: {command}");
        let parts: Vec<&str> = command.split(" && ").collect();
        let ours = parts.iter().filter_map(|part| part.strip_prefix("bastion-revoke "));
        let commands: Vec<Vec<String>> = ours
            .map(|words| words.split(' ').map(|word| word.trim_matches('"')))
            .map(|words| words.map(|w| w.replace("$BASTION_REVOKE_QUEUE", "redis://h/s")).collect())
            .collect();
        assert_eq!(commands.len(), 2, "enqueue and collect: {command}");
        for arguments in &commands {
            parses(arguments);
        }
    }
}

#[test]
fn a_line_that_cron_would_not_run_is_refused() {
    assert_eq!(cron_command("*/5 0-6,22 1 * 7  user  a b"), Ok("a b"));
    for line in [
        "60 2 * * * user a",
        "5 2 0 * * user a",
        "5 2 * 13 * user a",
        "5 2 * * 8 user a",
        "5 2 * * /2 user a",
        "5 2 * * */0 user a",
        "5 2 * * * user",
        "5 2 * * user /bin/a",
        "5 2 * * * user date +%s",
    ] {
        assert!(cron_command(line).is_err(), "{line}");
    }
}

#[test]
fn the_kubernetes_objects_are_valid_and_run_commands_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut check = Command::new(interpreter("samples"));
    check.arg(root.join("tests/samples/kubernetes.py")).arg(sample("kubernetes.yaml"));
    let output = run(&mut check, "samples/kubernetes.yaml is not valid");
    let containers: Vec<Vec<String>> = output
        .lines()
        .map(|line| serde_json::from_str(line).expect("a list of arguments"))
        .collect();
    assert_eq!(containers.len(), 2, "the workers and the clean-up");
    for mut arguments in containers {
        if arguments[0] == "work" {
            // The variable BASTION_REVOKE_QUEUE has it.
            arguments.extend(["--queue".to_owned(), "redis://h/s".to_owned()]);
        }
        parses(&arguments);
    }
}

#[test]
fn the_workflows_are_well_formed_and_call_scripts_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut check = Command::new(interpreter("samples"));
    check.arg(root.join("tests/samples/workflows.py"));
    let folder = root.join(".github/workflows");
    let names = ["test.yml", "release.yml"];
    check.args(names.map(|name| folder.join(name)));
    let count = fs::read_dir(&folder).expect("the workflows").count();
    assert_eq!(count, names.len(), "every workflow is checked");
    let scripts = run(&mut check, "a workflow is not well-formed");
    assert!(scripts.contains("packaging/build") && scripts.contains(".ci/run"), "{scripts}");
    for script in scripts.lines() {
        assert!(root.join(script).is_file(), "{script} does not exist");
    }
}
