//! The command that continues a stopped run, to be copied into a shell.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

/// The command with these arguments, the program's name first, quoted for a shell. It omits
/// `--restart`, which would start over, and the options in `without`, which take a value each.
pub fn command(arguments: impl IntoIterator<Item = OsString>, without: &[&str]) -> String {
    let mut kept = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let is_left_out = without.iter().any(|option| text.split('=').next() == Some(option));
        if is_left_out && !text.contains('=') {
            arguments.next();
        } else if !is_left_out && argument != "--restart" {
            kept.push(quoted(&argument));
        }
    }
    kept.join(" ")
}

fn quoted(argument: &OsStr) -> String {
    let bytes = argument.as_encoded_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return argument.to_string_lossy().into_owned();
    }
    match argument.to_str() {
        Some(text) if !text.chars().any(is_unprintable) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => escaped(bytes),
    }
}

/// Characters that a terminal may execute or show differently.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `$'...'`, which bash, zsh and most other current shells read.
fn escaped(bytes: &[u8]) -> String {
    let mut out = String::from("$'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    #[test]
    fn arguments_survive_the_shell() {
        let words = ["a", "", "a b", "it's", "$HOME", "*", "~", "\\", "!x", "#", "\u{540d}.csv"];
        let mut words: Vec<OsString> = words.map(OsString::from).to_vec();
        words.push(OsString::from_vec(b"\xff' \\".to_vec()));
        words.push("line\nbreak \u{1b}[2J".into());
        for word in &words {
            let script = format!("printf %s {}", quoted(word));
            let output = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(output.stdout, word.as_encoded_bytes(), "{script}");
            assert!(!script.chars().any(is_unprintable), "{script:?}");
        }
    }

    #[test]
    fn a_continued_run_is_not_restarted() {
        let words = ["./bastion-revoke", "run", "my list.csv", "--restart", "--yes"];
        let continued = command(words.map(OsString::from), &[]);
        assert_eq!(continued, "./bastion-revoke run 'my list.csv' --yes");
    }

    #[test]
    fn the_option_that_stopped_the_run_is_omitted_with_its_value() {
        let words = ["b", "run", "l.csv", "--canary", "3", "--fail-over=5%", "--yes"];
        let words = words.map(OsString::from);
        assert_eq!(command(words.clone(), &["--canary"]), "b run l.csv --fail-over=5% --yes");
        assert_eq!(command(words, &["--fail-over"]), "b run l.csv --canary 3 --yes");
    }
}
