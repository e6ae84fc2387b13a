//! A sample of the users and user groups to verify, and what it tells about all of them.

use super::evidence::{Claims, GranteeKey};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// The confidence of [`upper_bound`].
pub const CONFIDENCE: f64 = 0.95;

/// A share of the grantees, at least one. The choice depends on `seed` and the ids only, so the
/// same command verifies the same sample.
pub fn sample<'c>(
    claims: impl IntoIterator<Item = &'c Claims>,
    share: f64,
    seed: &str,
) -> BTreeSet<GranteeKey> {
    let all: BTreeSet<&GranteeKey> = claims.into_iter().flat_map(Claims::keys).collect();
    let mut all: Vec<_> = all.into_iter().map(|key| (order(key, seed), key)).collect();
    all.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a count, between 0 and the count"
    )]
    let chosen = ((all.len() as f64) * share).ceil().max(1.0) as usize;
    all.into_iter().take(chosen).map(|(_, key)| key.clone()).collect()
}

fn order((kind, id): &GranteeKey, seed: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [seed, kind.name(), id] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// The largest share of grantees with access found that is plausible, with 95 % confidence, after
/// `found` of `sampled` had some: the upper limit of Clopper and Pearson.
pub fn upper_bound(found: u64, sampled: u64) -> f64 {
    if found >= sampled {
        return 1.0;
    }
    // The share at which so few would be found in 5 % of samples, by bisection.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(found, sampled, middle) > 1.0 - CONFIDENCE {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The probability of at most `found` of `sampled`, each with this probability.
fn at_most(found: u64, sampled: u64, share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of users are far below 2^53")]
    let number = |count: u64| count as f64;
    // In logarithms: the probability of none is below the smallest float for large samples.
    let mut term = number(sampled) * (-share).ln_1p();
    let mut sum = term.exp();
    for count in 0..found {
        term += (number(sampled - count) / number(count + 1)).ln() + (share / (1.0 - share)).ln();
        sum += term.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GranteeKind;
    use std::collections::BTreeMap;

    #[test]
    fn the_bound_is_that_of_the_published_tables() {
        for (found, sampled, expected) in
            [(0, 59, 0.0495), (0, 299, 0.00997), (1, 100, 0.0466), (5, 50, 0.1988), (3, 3, 1.0)]
        {
            let bound = upper_bound(found, sampled);
            assert!((bound - expected).abs() < 6e-4, "{found} of {sampled}: {bound}");
        }
    }

    #[test]
    fn a_sample_is_a_share_of_the_grantees_and_the_same_each_time() {
        let claims: Claims =
            (0..200).map(|id| ((GranteeKind::User, id.to_string()), BTreeMap::default())).collect();
        let chosen = sample([&claims], 0.05, "a");
        assert_eq!(chosen.len(), 10);
        assert_eq!(chosen, sample([&claims], 0.05, "a"));
        assert_ne!(chosen, sample([&claims], 0.05, "b"));
        assert_eq!(sample([&claims], 0.0001, "a").len(), 1);
    }
}
