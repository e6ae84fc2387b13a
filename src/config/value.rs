//! Checks a value with the parser of its option, wherever it was set.

use crate::cli::command::is_switch;
use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use std::any::TypeId;
use std::error::Error as _;
use toml::de::DeValue;

/// What the option expects, if `value` is invalid.
pub(super) fn check(arg: &Arg, value: &str) -> Result<(), String> {
    let action = if takes_list(arg) { ArgAction::Append } else { ArgAction::Set };
    let mut alone = Arg::new("value").long("value").action(action).num_args(1);
    alone = match arg.get_value_delimiter() {
        Some(delimiter) => alone.value_delimiter(delimiter),
        None => alone,
    };
    alone = if is_switch(arg) {
        alone.value_parser(BoolishValueParser::new())
    } else {
        alone.value_parser(arg.get_value_parser().clone())
    };
    let command = Command::new("value").no_binary_name(true).disable_help_flag(true).arg(alone);
    match command.try_get_matches_from([format!("--value={value}")]) {
        Ok(_) => Ok(()),
        Err(error) => Err(reason(&error)),
    }
}

/// What clap or the option's parser expected.
pub(super) fn reason(error: &clap::Error) -> String {
    let valid = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(all)) => all.join(", "),
        _ => String::new(),
    };
    match (error.kind(), error.source()) {
        (ErrorKind::ValueValidation, Some(source)) if valid.is_empty() => source.to_string(),
        _ if valid.is_empty() => "expected a value".to_owned(),
        _ => format!("expected one of {valid}"),
    }
}

/// Whether the option may be given more than once.
fn takes_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// A TOML value as text of the command line; an error says what was expected.
pub(super) fn of_toml(arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    if let DeValue::Array(list) = value {
        if !takes_list(arg) {
            return Err("expected one value, not a list".to_owned());
        }
        let one = |value: &toml::Spanned<DeValue<'_>>| one_of_toml(arg, value.get_ref());
        return list.iter().map(one).collect();
    }
    Ok(vec![one_of_toml(arg, value)?])
}

fn one_of_toml(arg: &Arg, value: &DeValue<'_>) -> Result<String, String> {
    let parsed = arg.get_value_parser().type_id();
    let is = |types: &[TypeId]| types.iter().any(|known| parsed == *known);
    let is_number =
        is(&[TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>(), TypeId::of::<f64>()]);
    let is_text = is(&[TypeId::of::<String>(), TypeId::of::<std::path::PathBuf>()]);
    let expected = if is_switch(arg) {
        "expected true or false, without quotes"
    } else if is_number {
        "expected a number, without quotes"
    } else {
        "expected text in quotes"
    };
    match value {
        DeValue::Boolean(on) if is_switch(arg) => Ok(on.to_string()),
        DeValue::String(text) if !is_switch(arg) && !is_number => Ok(text.to_string()),
        // A value that is neither number nor text gets the message of its parser: `10` is not a
        // duration.
        DeValue::Integer(number) if !is_switch(arg) && !is_text && number.radix() == 10 => {
            Ok(number.as_str().to_owned())
        }
        DeValue::Float(number) if !is_switch(arg) && !is_text => Ok(number.as_str().to_owned()),
        _ => Err(expected.to_owned()),
    }
}
