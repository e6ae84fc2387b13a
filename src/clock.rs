//! The one wall clock and the one source of nonces, both used only where a request is signed or
//! a time is written down. Everything that waits uses `tokio::time`.

use jiff::Timestamp;

/// Where wall-clock time and nonces come from; tests supply their own.
pub trait WallClock: Send + Sync {
    /// The time now, in UTC.
    fn now(&self) -> Timestamp;
    /// A value never returned before, by any process.
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
/// Every outcome row and every signature has one, and `strftime` takes ten times as long.
pub fn utc_seconds(time: Timestamp) -> String {
    let at = jiff::tz::Offset::UTC.to_datetime(time);
    let Ok(year) = u16::try_from(at.year()) else {
        return time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    };
    let mut text = String::with_capacity(20);
    let mut push = |number: i8, before: char| {
        let number = number.unsigned_abs();
        text.push(before);
        text.push(char::from(b'0' + number / 10 % 10));
        text.push(char::from(b'0' + number % 10));
    };
    let parts = [at.month(), at.day(), at.hour(), at.minute(), at.second()];
    for (part, before) in parts.into_iter().zip(['-', '-', 'T', ':', ':']) {
        push(part, before);
    }
    format!("{year:04}{text}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_as_strftime_writes_them() {
        let mut random = fastrand::Rng::with_seed(3);
        let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let rare = [first, last, 0, -1, -62_167_219_200, -62_167_219_201, 951_782_400];
        let any = std::iter::repeat_with(|| random.i64(first..=last)).take(2000);
        for second in rare.into_iter().chain(any) {
            let time = Timestamp::from_second(second).unwrap();
            assert_eq!(utc_seconds(time), time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
}
