//! `check`: read and validate, without any network.

use super::reading;
use crate::cli::CheckArgs;
use crate::config::InputSettings;
use crate::exit::{Exit, Failure};
use crate::guards::Protection;
use crate::report::print;
use serde_json::json;
use std::sync::Arc;

/// Reads the list and prints what is wrong with it.
pub fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let settings = InputSettings::settle(&args.input)?;
    let sources = reading::sources(&settings.inputs)?;
    let read = reading::read(sources, &Arc::new(settings.options), &Protection::default())?.found;
    let rows: u64 = read.formats.iter().map(|format| format.rows).sum();
    let invalid = read.report.rows();
    if args.json {
        let problems: Vec<_> = read.report.problems().iter().map(problem_json).collect();
        let counts: serde_json::Map<_, _> = read
            .report
            .counts()
            .map(|(kind, count)| (kind.code().to_owned(), count.into()))
            .collect();
        print::json(&json!({
            "rows": rows,
            "invalid": invalid,
            "counts": counts,
            "problems": problems,
        }))?;
    } else {
        for format in &read.formats {
            print::line(&format.to_string())?;
        }
        if invalid == 0 {
            print::line(&format!("{rows} rows, all valid"))?;
        } else {
            print::text(&read.report.render())?;
        }
    }
    Ok(if invalid == 0 { Exit::Done } else { Exit::InvalidInput })
}

fn problem_json(problem: &crate::input::Problem) -> serde_json::Value {
    json!({
        "code": problem.kind.code(),
        "file": &*problem.name,
        "line": problem.line,
        "column": problem.column.as_ref().and_then(|column| column.number),
        "column_name": problem.column.as_ref().map(|column| &column.name),
        "found": problem.found,
        "message": problem.message(),
        "remedy": problem.remedy,
    })
}
