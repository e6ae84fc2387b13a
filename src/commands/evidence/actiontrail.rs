//! Matches revoked rows with the events of an ActionTrail export, by request id.
//!
//! An export is JSON: a list of events, objects with a list `Events` (as `LookupEvents` answers), or
//! one event per line; as delivered to OSS also gzipped, and as delivered to Log Service with the
//! event in a member `event`. Only a few fields of an event are copied: others may hold secrets.

use super::document::{Matches, internal};
use super::record::{Answer, Answers};
use crate::exit::{Exit, Failure};
use crate::plan::Plan;
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write};
use std::path::Path;

/// How many rows without an event are named; all are counted.
const NAMED: usize = 100;

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The columns of `actiontrail.csv`.
const COLUMNS: [&str; 12] = [
    "row",
    "operation",
    "request_id",
    "finished_at",
    "match",
    "event_id",
    "event_name",
    "event_time",
    "error_code",
    "account_id",
    "principal_id",
    "user_name",
];

/// What is copied of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Event {
    id: String,
    name: String,
    time: String,
    error_code: String,
    account_id: String,
    principal_id: String,
    user_name: String,
}

/// Events by request id.
#[derive(Debug, Default)]
pub struct Events {
    by_request: HashMap<String, Event>,
    count: u64,
}

impl Events {
    /// Reads exports.
    pub fn read(paths: &[impl AsRef<Path>]) -> Result<Self, Failure> {
        let mut events = Self::default();
        for path in paths {
            let path = path.as_ref();
            let failure = |exit, what: String| {
                Failure::new(exit, format!("--actiontrail {}: {what}", path.display()))
            };
            let before = events.count;
            let read = open(path).map_err(|error| {
                let exit = match error.kind() {
                    io::ErrorKind::NotFound => Exit::MissingInput,
                    _ => Exit::File,
                };
                failure(exit, format!("cannot read: {error}"))
            })?;
            for value in serde_json::Deserializer::from_reader(read).into_iter::<Value>() {
                let value = value
                    .map_err(|error| failure(Exit::InvalidInput, format!("not JSON: {error}")))?;
                events.add(&value);
            }
            if events.count == before {
                let what = "no event in it has a requestId and an eventName; export the events as \
                            JSON";
                return Err(failure(Exit::InvalidInput, what.to_owned()));
            }
        }
        Ok(events)
    }

    fn add(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            Value::Object(members) => {
                if let Some(Value::Array(values)) = members.get("Events") {
                    return values.iter().for_each(|value| self.add(value));
                }
                match members.get("event") {
                    Some(Value::String(text)) => {
                        if let Ok(event) = serde_json::from_str(text) {
                            self.add(&event);
                        }
                    }
                    Some(event) => self.add(event),
                    None => self.add_event(value),
                }
            }
            _ => {}
        }
    }

    fn add_event(&mut self, value: &Value) {
        let text = |name: &str| {
            let flat = || value.get(format!("event.{name}"));
            let nested = || name.split('.').try_fold(value, |value, part| value.get(part));
            nested().or_else(flat).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (request_id, name) = (text("requestId"), text("eventName"));
        if request_id.is_empty() || name.is_empty() {
            return;
        }
        self.count += 1;
        let event = Event {
            id: text("eventId"),
            name,
            time: text("eventTime"),
            error_code: text("errorCode"),
            account_id: text("userIdentity.accountId"),
            principal_id: text("userIdentity.principalId"),
            user_name: text("userIdentity.userName"),
        };
        self.by_request.insert(request_id, event);
    }

    /// Writes each revoked row with its event, and counts.
    pub fn write(
        &self,
        plan: &Plan,
        answers: &Answers,
        to: &mut dyn Write,
    ) -> Result<Matches, Failure> {
        let mut matches = Matches { events: self.count, ..Matches::default() };
        let mut table = csv::Writer::from_writer(to);
        table.write_record(COLUMNS).map_err(internal)?;
        for row in 0..plan.rows().len() {
            let answer = plan.rows().get(row).and_then(|(grant, _)| answers.of(grant));
            let Some(answer) = answer else { continue };
            let event = self.by_request.get(&answer.request_id);
            let verdict = verdict(answer, event);
            let number = row as u64 + 1;
            if verdict == "matched" {
                matches.matched += 1;
            } else {
                matches.missing += 1;
                if matches.missing_rows.len() < NAMED {
                    matches.missing_rows.push(number);
                }
            }
            let event = event.cloned().unwrap_or_default();
            let cells: [&str; COLUMNS.len()] = [
                &number.to_string(),
                answer.operation,
                &answer.request_id,
                &answer.finished_at,
                verdict,
                &event.id,
                &event.name,
                &event.time,
                &event.error_code,
                &event.account_id,
                &event.principal_id,
                &event.user_name,
            ];
            table.write_record(cells).map_err(internal)?;
        }
        table.flush().map_err(internal)?;
        Ok(matches)
    }
}

/// Whether an event confirms an answer.
fn verdict(answer: &Answer, event: Option<&Event>) -> &'static str {
    match event {
        None => "missing",
        Some(event) if event.name != answer.operation => "other_operation",
        Some(event) if !event.error_code.is_empty() => "failed_in_actiontrail",
        Some(_) => "matched",
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let mut first = Vec::new();
    Read::by_ref(&mut file).take(GZIP.len() as u64).read_to_end(&mut first)?;
    file.rewind()?;
    if first == GZIP {
        return Ok(Box::new(BufReader::new(MultiGzDecoder::new(file))));
    }
    Ok(Box::new(BufReader::new(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Events, Failure> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        Events::read(&[file.path()])
    }

    const EVENT: &str = r#"{"eventId":"e","eventName":"Detach","requestId":"R-1",
        "eventTime":"2026-01-02T03:04:05Z","userIdentity":{"accountId":"1","principalId":"2",
        "userName":"ops","accessKeyId":"testid"},"requestParameters":{"SecurityToken":"x"}}"#;

    #[test]
    fn every_form_of_an_export_is_read() {
        let quoted = serde_json::to_string(EVENT).unwrap();
        let flat = r#"{"event.eventId":"e","event.eventName":"Detach","event.requestId":"R-1",
            "event.eventTime":"2026-01-02T03:04:05Z","event.userIdentity.accountId":"1",
            "event.userIdentity.principalId":"2","event.userIdentity.userName":"ops"}"#;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(EVENT.as_bytes()).unwrap();
        let forms = [
            EVENT.as_bytes().to_vec(),
            format!("[{EVENT}]").into_bytes(),
            format!("{{\"Events\":[{EVENT}],\"RequestId\":\"other\"}}").into_bytes(),
            format!("{{\"event\":{EVENT}}}\n{{\"event\":{EVENT}}}").into_bytes(),
            format!("{{\"event\":{quoted}}}").into_bytes(),
            flat.as_bytes().to_vec(),
            gzip.finish().unwrap(),
        ];
        let expected = Event {
            id: "e".into(),
            name: "Detach".into(),
            time: "2026-01-02T03:04:05Z".into(),
            error_code: String::new(),
            account_id: "1".into(),
            principal_id: "2".into(),
            user_name: "ops".into(),
        };
        for form in forms {
            let events = read(&form).unwrap();
            let text = String::from_utf8_lossy(&form);
            assert_eq!(events.by_request.get("R-1"), Some(&expected), "{text}");
        }
    }

    #[test]
    fn an_export_without_events_is_refused() {
        for text in ["", "[]", "{}", "{\"Events\":[]}", "null", "[{\"requestId\":\"R\"}]"] {
            let message = read(text.as_bytes()).unwrap_err().message;
            assert!(message.contains("no event in it"), "{text}: {message}");
        }
        let message = read(b"user,host\n").unwrap_err().message;
        assert!(message.contains("not JSON"), "{message}");
        assert!(Events::read(&["/no/such/file"]).is_err());
    }

    #[test]
    fn an_event_of_another_operation_or_a_failed_one_confirms_nothing() {
        let answer =
            Answer { request_id: "R-1".into(), operation: "Detach", finished_at: String::new() };
        let event = |name: &str, error_code: &str| Event {
            name: name.into(),
            error_code: error_code.into(),
            ..Event::default()
        };
        assert_eq!(verdict(&answer, None), "missing");
        assert_eq!(verdict(&answer, Some(&event("Detach", ""))), "matched");
        assert_eq!(verdict(&answer, Some(&event("Attach", ""))), "other_operation");
        assert_eq!(verdict(&answer, Some(&event("Detach", "X"))), "failed_in_actiontrail");
    }
}
