//! Parsers of what options take: text in, a value that needs no further checking out, or what was
//! expected.

use crate::api::endpoint as address;
use crate::input::Field;
use crate::queue::retention::Retention;
use reqwest::Url;
use std::time::Duration;

/// A whole number, 0 included.
pub fn count(text: &str) -> Result<usize, String> {
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_whole);
    number.ok_or_else(|| "expected a whole number, such as 0 or 25".to_owned())
}

/// A whole number from 1 to `MOST`.
pub fn up_to<const MOST: u32>(text: &str) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(number) if (1..=MOST).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from 1 to {MOST}")),
    }
}

/// Requests a second.
pub fn rate(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(rate) if (0.001..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected requests a second, a number from 0.001 to 1000000".to_owned()),
    }
}

/// `500ms`, `10s`, `2m` or `1h`: a whole number above 0, and its unit.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number = digits.parse::<u64>().ok().filter(|number| (1..=1_000_000).contains(number));
    match (number, unit_ms) {
        (Some(number), Some(unit_ms)) => Ok(Duration::from_millis(number * unit_ms)),
        _ => Err("expected a duration such as 500ms, 10s, 2m or 1h"),
    }
}

/// A duration, or `0` for none.
pub fn duration_or_zero(text: &str) -> Result<Duration, &'static str> {
    if ["0", "0s"].contains(&text.trim()) {
        return Ok(Duration::ZERO);
    }
    duration(text).map_err(|_| "expected a duration such as 500ms, 10s, 2m or 1h, or 0")
}

/// `5%` or `0.5%`: more than 0 and at most 100. The result is a share of 1.
pub fn percent(text: &str) -> Result<f64, &'static str> {
    let number: Option<f64> =
        text.trim().strip_suffix('%').and_then(|number| number.trim_end().parse().ok());
    match number {
        Some(number) if number > 0.0 && number <= 100.0 => Ok(number / 100.0),
        _ => Err("expected a share with a percent sign, such as 5%, up to 100%"),
    }
}

/// A number of entries, or an age.
pub fn retention(text: &str) -> Result<Retention, &'static str> {
    match text.trim().parse::<u64>() {
        Ok(entries) if entries > 0 => Ok(Retention::Entries(entries)),
        Ok(_) => Err("the minimum is 1 entry"),
        Err(_) => duration(text)
            .map(Retention::Age)
            .map_err(|_| "expected a number of entries, or a duration such as 24h or 168h"),
    }
}

/// An id or a region's name.
pub fn id(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("expected an id without white space");
    }
    Ok(text.to_owned())
}

/// `FIELD=COLUMN`
pub fn map(text: &str) -> Result<(Field, String), String> {
    let Some((field, column)) = text.split_once('=') else {
        return Err("expected FIELD=COLUMN, such as user=Login".to_owned());
    };
    let field = field.parse().map_err(|error: crate::input::UnknownField| error.to_string())?;
    Ok((field, column.to_owned()))
}

/// Where requests go.
pub fn endpoint(text: &str) -> Result<Url, String> {
    address::parse(text).map_err(|error| error.to_string())
}

/// A value as it may be shown: a URL without the user name, password and query, which may hold a
/// secret.
pub fn shown(value: &str) -> String {
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), value),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let is_address = !scheme.is_empty() || rest[..end].contains(':');
    let rest = match rest.rfind('@') {
        Some(at) if is_address => format!("(redacted){}", &rest[at..]),
        _ => rest.to_owned(),
    };
    let rest = match rest.split_once('?') {
        Some((before, _)) if !scheme.is_empty() => format!("{before}?(redacted)"),
        _ => rest,
    };
    let chars: Vec<char> = (scheme + &rest).chars().take(1000).collect();
    chars.chunks(60).map(|part| crate::input::shown(&part.iter().collect::<String>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, ms) in [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(duration(text).unwrap().as_millis(), ms);
        }
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "5d", "0s", "９s"] {
            assert!(duration(text).unwrap_err().contains("expected a duration"), "{text}");
        }
    }

    #[test]
    fn shares_are_above_zero_and_have_a_sign() {
        assert!((percent("5%").unwrap() - 0.05).abs() < 1e-9);
        for text in ["5", "0%", "101%", "-1%", "NaN%", "%", ""] {
            assert!(percent(text).is_err(), "{text}");
        }
        assert_eq!(duration_or_zero("0").unwrap(), Duration::ZERO);
    }

    #[test]
    fn rates_and_counts_are_bounded() {
        assert!((rate("0.5").unwrap() - 0.5).abs() < 1e-9);
        for text in ["0", "-1", "NaN", "inf", "ten", "1e9", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert!(up_to::<8>("0").is_err() && up_to::<8>("9").is_err());
        assert!(count("0") == Ok(0) && count("+1").is_err() && count("").is_err());
    }

    #[test]
    fn what_may_be_a_secret_in_a_url_is_not_shown() {
        for (value, expected) in [
            ("https://u:p@h:1/x", "https://(redacted)@h:1/x"),
            ("https://u:p@q/r@h", "https://(redacted)@h"),
            ("u:p@h", "(redacted)@h"),
            ("https://h?token=x", "https://h?(redacted)"),
            ("ops@corp", "ops@corp"),
            ("10s", "10s"),
        ] {
            assert_eq!(shown(value), expected);
        }
    }
}
