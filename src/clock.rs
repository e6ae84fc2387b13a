//! The wall clock and the source of nonces, used only to sign requests and to record times.
//! Everything that waits uses `tokio::time`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The source of wall-clock time and nonces; tests supply their own.
pub trait WallClock: Send + Sync {
    /// The time now, in UTC.
    fn now(&self) -> Timestamp;
    /// A value that no process has returned before.
    fn nonce(&self) -> String;
}

/// The operating system's clock, and random version-4 UUIDs.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn nonce(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// `2026-01-02T03:04:05Z`: whole seconds in UTC, as the API signs and this tool prints them.
///
/// Every outcome row, every signature and every record has a time, and `strftime` takes ten times
/// as long.
pub fn utc_seconds(time: Timestamp) -> String {
    written(time, "%Y-%m-%dT%H:%M:%SZ", |_, text| text.push('Z'))
}

/// The same in milliseconds, as in the ledger: `2026-01-02T03:04:05.678Z`.
pub fn utc_millis(time: Timestamp) -> String {
    written(time, "%Y-%m-%dT%H:%M:%S.%3fZ", |at, text| {
        let millis = at.subsec_nanosecond() / 1_000_000;
        text.push('.');
        text.extend([millis / 100, millis / 10 % 10, millis % 10].map(digit));
        text.push('Z');
    })
}

/// Writes a time digit by digit, with `end` after the seconds. Uses `format` where the year does
/// not have four digits.
fn written(time: Timestamp, format: &str, end: impl FnOnce(DateTime, &mut String)) -> String {
    let at = Offset::UTC.to_datetime(time);
    let year = i32::from(at.year());
    if !(1000..=9999).contains(&year) {
        return time.strftime(format).to_string();
    }
    let mut text = String::with_capacity(format.len() + 4);
    text.extend([year / 1000, year / 100 % 10, year / 10 % 10, year % 10].map(digit));
    let parts = [at.month(), at.day(), at.hour(), at.minute(), at.second()];
    for (part, before) in parts.into_iter().zip(['-', '-', 'T', ':', ':']) {
        let part = i32::from(part);
        text.push(before);
        text.extend([part / 10, part % 10].map(digit));
    }
    end(at, &mut text);
    text
}

/// Writes many times like [`utc_seconds`]. Times on the same day as the one before only need their
/// time of day.
#[derive(Debug, Default)]
pub struct UtcSeconds {
    day: Option<i64>,
    date: String,
}

impl UtcSeconds {
    /// Writes a time given in seconds since 1970; one outside the calendar's range as 1970.
    pub fn write(&mut self, second: i64, to: &mut Vec<u8>) {
        let day = second.div_euclid(SECONDS_OF_DAY);
        if self.day != Some(day) {
            self.day = Some(day);
            self.date = utc_seconds(Timestamp::from_second(second).unwrap_or_default());
            self.date.truncate(self.date.len() - "03:04:05Z".len());
        }
        to.extend_from_slice(self.date.as_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "a day has fewer")]
        let of_day = second.rem_euclid(SECONDS_OF_DAY) as i32;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let digits = [hour / 10, hour % 10, minute / 10, minute % 10, second / 10, second % 10];
        let [h, hh, m, mm, s, ss] = digits.map(|number| digit(number) as u8);
        to.extend_from_slice(&[h, hh, b':', m, mm, b':', s, ss, b'Z']);
    }
}

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "one digit")]
fn digit(number: i32) -> char {
    char::from(b'0' + number as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_strftime_writes_them() {
        let mut random = fastrand::Rng::with_seed(3);
        let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let rare = [first, last, 0, -1, -62_167_219_200, -62_167_219_201, 951_782_400];
        let any = std::iter::repeat_with(|| random.i64(first..=last)).take(2000);
        // Some of them on one day, and on the one before 1970.
        let days = (0..200).map(|n| n * 1_234);
        let all = rare.into_iter().chain(any.collect::<Vec<_>>()).chain(days.clone());
        let mut of_days = UtcSeconds::default();
        for second in all.chain(days.map(|second| -second)) {
            let nanosecond = random.i32(0..1_000_000_000);
            for nanosecond in [0, nanosecond, 999_999_999] {
                let Ok(time) = Timestamp::new(second, nanosecond) else { continue };
                assert_eq!(utc_seconds(time), time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
                let millis = time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
                assert_eq!(utc_millis(time), millis);
            }
            let mut text = Vec::new();
            of_days.write(second, &mut text);
            let time = Timestamp::from_second(second).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), utc_seconds(time));
        }
    }
}
