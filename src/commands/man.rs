//! `man`: the manual with every command as one page of roff.

use crate::cli::command;
use crate::exit::{Exit, Failure};
use crate::report::print;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io;

/// Prints the manual.
pub fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    // Written to memory, which does not fail.
    write(&mut page).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    print::text(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}

fn write(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = command::command().disable_help_subcommand(true);
    command.build();
    let whole = Man::new(command.clone());
    whole.render_title(page)?;
    whole.render_name_section(page)?;
    whole.render_synopsis_section(page)?;
    whole.render_description_section(page)?;
    whole.render_options_section(page)?;
    write_extra(&whole, page)?;
    for inner in command.get_subcommands() {
        write_command(inner, page)?;
    }
    Ok(())
}

/// A command's section: description, options by topic, examples, and its subcommands.
fn write_command(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut head = Roff::new();
    head.control("SH", [name.to_uppercase().as_str()]);
    head.text([bold(name), roman(" - "), roman(about(command))]);
    head.to_writer(page)?;
    let man = Man::new(command.clone());
    let mut part = Vec::new();
    man.render_synopsis_section(&mut part)?;
    man.render_options_section(&mut part)?;
    write_extra(&man, &mut part)?;
    // Its sections are subsections here.
    for line in String::from_utf8_lossy(&part).lines() {
        let line = line.replacen(".SH ", ".SS ", 1);
        page.extend_from_slice(line.as_bytes());
        page.push(b'\n');
    }
    for inner in command.get_subcommands() {
        write_command(inner, page)?;
    }
    Ok(())
}

/// The text below the options in the help, mainly examples.
fn write_extra(man: &Man, page: &mut Vec<u8>) -> io::Result<()> {
    let mut extra = Vec::new();
    man.render_extra_section(&mut extra)?;
    let extra = String::from_utf8_lossy(&extra).replacen(".SH EXTRA", ".SH EXAMPLES", 1);
    page.extend_from_slice(extra.as_bytes());
    Ok(())
}

fn about(command: &Command) -> String {
    let about = command.get_long_about().or_else(|| command.get_about());
    about.map(ToString::to_string).unwrap_or_default()
}
