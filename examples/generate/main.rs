//! Writes a made-up list to standard output: the same one for the same arguments.
//!
//! ```text
//! cargo run --release --example generate -- ROWS [SEED] [sorted|shuffled] [csv|bare|jsonl]
//! ```
//!
//! Users have a log-normal number of targets, and targets have 1 to 25 accounts; 3 % of the
//! targets are given as a whole, and 2 % of the rows are duplicates of an earlier one. `sorted`
//! writes user by user, as an export does; `shuffled` mixes the rows, which takes their memory.
//! `bare` leaves out
//! the columns that are not read. `samples/audit.jsonl` is `generate 5000 1 sorted jsonl`.

mod list;

use std::io::{self, BufWriter, Write};

use anyhow::{Context, bail};
use fastrand::Rng;
use list::{Form, list, write_header, write_row};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(rows) = arguments.first() else {
        bail!("usage: generate ROWS [SEED] [sorted|shuffled] [csv|bare|jsonl]");
    };
    let rows: usize = rows.parse().context("ROWS is a number")?;
    let mut rng = Rng::with_seed(match arguments.get(1) {
        Some(seed) => seed.parse().context("SEED is a number")?,
        None => 1,
    });
    let argument = |at: usize| arguments.get(at).map(String::as_str);
    let shuffled = match argument(2) {
        None | Some("sorted") => false,
        Some("shuffled") => true,
        Some(other) => bail!("{other:?} is neither sorted nor shuffled"),
    };
    let form = match argument(3) {
        None | Some("csv") => Form::Csv,
        Some("bare") => Form::Bare,
        Some("jsonl") => Form::Json,
        Some(other) => bail!("{other:?} is none of csv, bare and jsonl"),
    };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    write_header(&mut out, form)?;
    if shuffled {
        let mut all = Vec::with_capacity(rows);
        list(rows, &mut rng, |row| {
            all.push(row.clone());
            Ok(())
        })?;
        rng.shuffle(&mut all);
        all.iter().try_for_each(|row| write_row(&mut out, row, form))?;
    } else {
        list(rows, &mut rng, |row| write_row(&mut out, row, form))?;
    }
    out.flush()?;
    Ok(())
}
