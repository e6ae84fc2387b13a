//! One file per command: each wires the stages and does nothing else.

pub mod simulate;
