//! The state of a queue and its entries, as text and as JSON.

use super::text::{count, length};
use crate::input::shown;
use crate::queue::admin::{QueueStatus, WorkerStatus};
use crate::queue::entry::Entry;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// A worker without a command for this time has probably ended.
const SILENT_AFTER_MS: u64 = 60_000;

/// The longest value of a field that is shown, in characters.
const MAX_SHOWN: usize = 60;

/// The age of an entry in seconds. Its id starts with the time it was added, in milliseconds.
fn age_s(id: &str, now: Timestamp) -> Option<f64> {
    let added: i64 = id.split('-').next()?.parse().ok()?;
    let age = (now.as_millisecond() - added).max(0);
    Some(Duration::from_millis(age.unsigned_abs()).as_secs_f64())
}

fn oldest_s(status: &QueueStatus, now: Timestamp) -> Option<f64> {
    status.depth.oldest_ms.and_then(|at| age_s(&at.to_string(), now))
}

/// The state of a queue as JSON.
pub fn status_json(status: &QueueStatus, now: Timestamp) -> Value {
    let workers = status.workers.iter().map(
        |worker| json!({"name": worker.name, "pending": worker.pending, "idle_ms": worker.idle_ms}),
    );
    let rates: serde_json::Map<String, Value> =
        status.rates.iter().map(|(name, rate)| ((*name).to_owned(), json!(rate))).collect();
    json!({
        "entries": status.depth.entries,
        "pending": status.depth.pending,
        "oldest_seconds": oldest_s(status, now),
        "dead": status.depth.dead,
        "outcomes": status.outcomes,
        "paused_since": status.paused_since,
        "workers": workers.collect::<Vec<_>>(),
        "rates_per_s": rates,
    })
}

/// The state of a queue as text.
pub fn status_text(status: &QueueStatus, now: Timestamp) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    if let Some(since) = &status.paused_since {
        let _ = writeln!(
            out,
            "PAUSED since {}; to continue: bastion-revoke queue resume\n",
            shown(since)
        );
    }
    let depth = status.depth;
    let mut line = |label: &str, number: u64, remark: String| {
        let line = format!("  {label:<28}{:>12}  {remark}", count(number));
        let _ = writeln!(out, "{}", line.trim_end());
    };
    let oldest =
        oldest_s(status, now).map_or(String::new(), |age| format!("oldest: {} ago", length(age)));
    line("entries in the stream", depth.entries, oldest);
    line("held by workers", depth.pending, String::new());
    line("dead letters", depth.dead, String::new());
    line("outcomes not read yet", status.outcomes, String::new());
    let is_silent = |worker: &&WorkerStatus| worker.idle_ms >= SILENT_AFTER_MS;
    let silent = status.workers.iter().filter(is_silent).count();
    let remark = if silent > 0 { format!("{silent} of them silent") } else { String::new() };
    line("workers", status.workers.len() as u64, remark);
    for worker in &status.workers {
        let idle = length(Duration::from_millis(worker.idle_ms).as_secs_f64());
        let (name, held) = (shown(&worker.name), count(worker.pending));
        let _ = writeln!(out, "    {name:<40} holds {held:>7}, last seen {idle} ago");
    }
    if !status.rates.is_empty() {
        let _ = writeln!(out, "  requests per second, of all workers together");
    }
    for (operation, rate) in &status.rates {
        let _ = writeln!(out, "    {operation:<40} {rate:>13.1}");
    }
    out
}

/// An entry as one JSON object.
pub fn entry_json(entry: &Entry, now: Timestamp) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields: Vec<(String, String)> =
        entry.fields.iter().map(|(name, value)| (text(name), text(value))).collect();
    json!({"id": entry.id, "age_seconds": age_s(&entry.id, now), "fields": fields})
}

/// Entries as text, one per line.
pub fn entries_text(entries: &[Entry], now: Timestamp) -> String {
    let mut out = String::new();
    for entry in entries {
        let age = age_s(&entry.id, now).map_or(String::new(), length);
        let fields: Vec<String> = entry
            .fields
            .iter()
            .map(|(name, value)| {
                let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                let cut: String = value.chars().take(MAX_SHOWN).collect();
                let more = if cut.len() < value.len() { "..." } else { "" };
                format!("{}={}{more}", shown(&name), shown(&cut))
            })
            .collect();
        let _ = writeln!(out, "{}  {age:>12} ago  {}", entry.id, fields.join(" "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::consumer::QueueDepth;

    #[test]
    fn a_paused_queue_is_reported_first() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let worker =
            |name: &str, pending, idle_ms| WorkerStatus { name: name.to_owned(), pending, idle_ms };
        let status = QueueStatus {
            depth: QueueDepth {
                entries: 12_345,
                pending: 100,
                oldest_ms: Some(now.as_millisecond() - 200_000),
                dead: 2,
                workers: 1,
            },
            outcomes: 7,
            paused_since: Some("2026-01-02T03:00:00Z".to_owned()),
            workers: vec![worker("a-1", 100, 400), worker("b-2", 0, 90_000)],
            rates: vec![("DetachHostAccountsFromUser", 9.5)],
        };
        insta::assert_snapshot!(status_text(&status, now), @r"
        PAUSED since 2026-01-02T03:00:00Z; to continue: bastion-revoke queue resume

          entries in the stream             12,345  oldest: 3 min 20 s ago
          held by workers                      100
          dead letters                           2
          outcomes not read yet                  7
          workers                                2  1 of them silent
            a-1                                      holds     100, last seen 0.4 s ago
            b-2                                      holds       0, last seen 1 min 30 s ago
          requests per second, of all workers together
            DetachHostAccountsFromUser                         9.5
        ");
        assert_eq!(status_json(&status, now)["oldest_seconds"], 200.0);
    }

    #[test]
    fn malicious_fields_are_escaped_and_cut() {
        let fields =
            vec![(b"user".to_vec(), b"\x1b[31m7".to_vec()), (b"x".to_vec(), vec![b'y'; 99])];
        let entry = Entry { id: "1000-0".to_owned(), fields, ..Entry::default() };
        let text = entries_text(&[entry], Timestamp::UNIX_EPOCH);
        assert!(!text.contains('\u{1b}') && text.contains("yyy..."), "{text}");
    }
}
