//! `config show`: the effective settings of a run and their origins.

use crate::config::table::{Setting, Table, variable_of};
use crate::exit::{Exit, Failure};
use crate::report::print;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Prints the settings.
pub fn show(table: &Table, json: bool) -> Result<Exit, Failure> {
    if json {
        print::json(&as_json(table))?;
    } else {
        print::text(&as_text(table))?;
    }
    Ok(Exit::Done)
}

fn as_text(table: &Table) -> String {
    let files = if table.files.is_empty() { "none".to_owned() } else { table.files.join(", ") };
    let mut out = format!("files    {files}\n");
    if let Some((name, origin)) = &table.profile {
        let _ = writeln!(out, "profile  {}  ({origin})", crate::cli::values::shown(name));
    }
    let rows: Vec<(&str, String, String)> = table
        .settings
        .iter()
        .map(|setting| (setting.name.as_str(), value(setting), setting.origin.to_string()))
        .collect();
    let width = |text: &str| console::measure_text_width(text);
    let names = rows.iter().map(|row| width(row.0)).max().unwrap_or(0);
    // One long value must not push all origins off the screen.
    let values = rows.iter().map(|row| width(&row.1)).filter(|w| *w <= 40).max().unwrap_or(0);
    out.push('\n');
    for (name, value, origin) in rows {
        let gap = " ".repeat(values.saturating_sub(width(&value)));
        let _ = writeln!(out, "{name:<names$}  {value}{gap}  {origin}");
    }
    out
}

fn value(setting: &Setting) -> String {
    if setting.values.is_empty() { "-".to_owned() } else { setting.values.join(", ") }
}

/// The schema of `config show --json`: members are only ever added.
fn as_json(table: &Table) -> Value {
    let setting = |setting: &Setting| {
        json!({
            "name": setting.name,
            "values": setting.values,
            "origin": setting.origin.to_string(),
            "variable": variable_of(setting),
        })
    };
    let profile = table
        .profile
        .as_ref()
        .map(|(name, origin)| json!({ "name": name, "origin": origin.to_string() }));
    json!({
        "files": table.files,
        "profile": profile,
        "settings": table.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}
