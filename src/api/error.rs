//! Classifies errors of whole requests by `Code`, never by HTTP status.

/// The consequence of a refused or failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The keys are invalid: the run stops (exit 77).
    StopCredentials,
    /// The security token has expired: it is renewed once, then the run stops (77).
    ExpiredToken,
    /// The clock is more than 15 minutes off: it is corrected once from the `Date` header, then the
    /// run stops.
    ExpiredTimestamp,
    /// This caller may not call this operation: it stops, the others continue (exit 77).
    StopOperation,
    /// Wrong address, version, region or state of the instance: the run stops (exit 78).
    StopRouting,
    /// An argument is invalid: the request is split until the invalid item is alone.
    BadArgument,
    /// This request is refused as it is; its grants have failed.
    Refused,
    /// Too many calls. Known not to be applied; slows the run and fails no row.
    Throttled,
    /// It may have been applied; it is tried again.
    Doubtful,
}

/// The codes, grouped by consequence. A trailing `*` matches any ending; the longest match counts.
/// Compared without regard to case.
const TABLE: &[(Class, &[&str])] = &[
    (
        Class::StopCredentials,
        &[
            "InvalidAccessKeyId.NotFound",
            "InvalidAccessKeyId.Inactive",
            "Forbidden.AccessKeyDisabled",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "InvalidTimeStamp.Format",
            "MissingSecurityToken",
            "InvalidSecurityToken.Malformed",
            "InvalidSecurityToken.MismatchWithAccessKey",
        ],
    ),
    (Class::ExpiredToken, &["InvalidSecurityToken.Expired"]),
    (Class::ExpiredTimestamp, &["InvalidTimeStamp.Expired"]),
    (Class::StopOperation, &["Forbidden*", "NoPermission", "ActionUnauthorized"]),
    (
        Class::StopRouting,
        &[
            "InvalidAction.NotFound",
            "InvalidApi.NotFound",
            "InvalidProduct.NotFound",
            "InvalidRegion.NotFound",
            "InvalidProtocol.NeedSsl",
            "UnsupportedHTTPMethod",
            "Commodity.BizError.InvalidStatus",
        ],
    ),
    (Class::BadArgument, &["InvalidParameter", "INVALID_ARGUMENT", "OBJECT_NOT_FOUND"]),
    (Class::Refused, &["Missing*", "Invalid*"]),
    (
        Class::Throttled,
        &["Throttling", "Throttling.User", "Throttling.Api", "Throttling*", "Rejected.Throttling"],
    ),
    (
        Class::Doubtful,
        &[
            "ServiceUnavailable",
            "InternalError",
            "UnknownError",
            "UNEXPECTED",
            "SignatureNonceUsed",
        ],
    ),
];

/// The known codes by what they mean for a run; a trailing `*` stands for any ending.
pub fn table() -> &'static [(Class, &'static [&'static str])] {
    TABLE
}

/// Classifies an error answer; `code` is `None` if the answer has none.
///
/// A code that is not in the table is classified by the status: 429 is throttling, any other 4xx a
/// refusal; everything else may have been applied.
pub fn classify(code: Option<&str>, status: u16) -> Class {
    let known = code.and_then(|code| {
        TABLE
            .iter()
            .flat_map(|(class, patterns)| patterns.iter().map(move |pattern| (*class, *pattern)))
            .filter(|(_, pattern)| matches(pattern, code))
            .max_by_key(|(_, pattern)| (pattern.len(), !pattern.ends_with('*')))
            .map(|(class, _)| class)
    });
    known.unwrap_or(match (status, code) {
        (429, _) => Class::Throttled,
        // Without a code it was not the API that answered, so only a code makes a refusal definite.
        (400..=499, Some(_)) => Class::Refused,
        _ => Class::Doubtful,
    })
}

fn matches(pattern: &str, code: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => {
            code.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        }
        None => pattern.eq_ignore_ascii_case(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::*;

    #[test]
    fn every_line_of_the_table_is_found_by_itself() {
        for (class, patterns) in TABLE {
            for pattern in *patterns {
                let code = pattern.trim_end_matches('*');
                assert_eq!(classify(Some(code), 400), *class, "{pattern}");
                assert_eq!(classify(Some(&code.to_uppercase()), 200), *class, "{pattern}");
            }
        }
    }

    #[test]
    fn the_longest_pattern_wins_and_the_status_decides_only_unknown_codes() {
        for (code, status, class) in [
            ("Forbidden.RAM", 400, StopOperation),
            ("Forbidden.AccessKeyDisabled", 403, StopCredentials),
            ("Forbidden", 403, StopOperation),
            ("InvalidParameter", 400, BadArgument),
            ("InvalidParameter.Format", 400, Refused),
            ("InvalidUserId.NotFound", 404, Refused),
            ("MissingInstanceId", 400, Refused),
            ("MissingSecurityToken", 400, StopCredentials),
            ("Throttling.User", 400, Throttled),
            ("Throttling.Whatever", 400, Throttled),
            ("Throttling", 503, Throttled),
            ("Throttled.Sometimes", 429, Throttled),
            ("SomethingNew", 409, Refused),
            ("SomethingNew", 500, Doubtful),
            ("SomethingNew", 200, Doubtful),
            ("InvalidSecurityToken.Expired", 400, ExpiredToken),
            ("InvalidTimeStamp.Expired", 400, ExpiredTimestamp),
        ] {
            assert_eq!(classify(Some(code), status), class, "{code} {status}");
        }
        assert_eq!(classify(None, 429), Throttled);
        assert_eq!(classify(None, 403), Doubtful);
        assert_eq!(classify(None, 502), Doubtful);
    }
}
