//! Memory grows with the distinct strings of a list, and little with its rows.

use crate::sandbox::Sandbox;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Read;

/// A shuffled list, and the size of its distinct strings in bytes.
fn list(rows: u32) -> (String, usize) {
    let mut random = fastrand::Rng::with_seed(11);
    let mut list = "user,kind,target,account\n".to_owned();
    for _ in 0..rows {
        let user = random.u32(..rows / 80);
        let target = 500_000 + random.u32(..rows / 200);
        let _ = writeln!(list, "{user},host,{target},{}", target * 25 + random.u32(..25));
    }
    let distinct: HashSet<&str> = list.split(['\n', ',']).collect();
    let strings = distinct.into_iter().map(str::len).sum();
    (list, strings)
}

/// The peak memory of `plan` when it starts to write its requests, in bytes. Nothing reads them, so
/// it waits there.
fn peak_of_a_plan(rows: u32) -> (usize, usize) {
    let sandbox = Sandbox::new();
    let (list, strings) = list(rows);
    sandbox.file("list.csv", &list);
    let args = ["plan", "list.csv", "--instance-id", "i", "--requests", "-"];
    let mut child = sandbox.command(&args).spawn().expect("the command starts");
    let mut out = child.stdout.take().expect("its output");
    out.read_exact(&mut [0]).expect("a request");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    child.kill().expect("it waits");
    child.wait().expect("it ends");
    let status = status.expect("what the kernel says of it");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let peak = peak.trim().trim_end_matches(" kB").parse::<usize>().expect("a number");
    (peak * 1024, strings)
}

#[test]
fn a_plan_takes_at_most_48_bytes_a_row_and_the_distinct_strings() {
    let (few, many) = (250_000, 1_000_000);
    let (small, small_strings) = peak_of_a_plan(few);
    let (large, large_strings) = peak_of_a_plan(many);
    // Both include the memory of the program itself.
    let rows = (many - few) as usize;
    let most = rows * 48 + large_strings - small_strings;
    let took = large - small;
    assert!(took <= most, "{} bytes a row", took / rows);
    // A plan without anything for its rows would mean that nothing was measured.
    assert!(took >= rows * 16, "{} bytes a row", took / rows);
}
