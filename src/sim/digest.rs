//! Numbers that depend only on the content of a request: the digest that decides about its faults,
//! and the id of its answer.

use sha2::{Digest, Sha256};

use super::call::Call;
use super::faults::mix;
use super::request::GrantRequest;

/// The digest of a detach or attach request, independent of signer and time.
pub(super) fn digest_grants(request: &GrantRequest) -> u64 {
    let mut parts = Parts::default();
    parts.add(request.name);
    parts.add(&request.instance_id);
    parts.add(&request.grantee.id);
    for entry in &request.targets {
        parts.add(&entry.target);
        let accounts = entry.accounts.as_deref().unwrap_or_default();
        parts.add(&accounts.len().to_string());
        for account in accounts {
            parts.add(account);
        }
    }
    parts.number()
}

/// The digest of a read or another write.
pub(super) fn digest_call(call: &Call) -> u64 {
    let mut parts = Parts::default();
    parts.add(call.spec.name);
    parts.add(&call.instance_id);
    parts.add(&call.page.number.to_string());
    for (name, value) in call.values() {
        parts.add(name);
        parts.add(value);
    }
    parts.number()
}

/// Every part is hashed with its length, so that no two requests have the same parts.
#[derive(Default)]
struct Parts(Sha256);

impl Parts {
    fn add(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    fn number(self) -> u64 {
        let bytes = self.0.finalize();
        bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// An id in the format of the real ones, equal for equal seeds and numbers.
pub(super) fn request_id(seed: u64, number: u64) -> String {
    let (high, low) = (mix(seed ^ mix(number)), mix(mix(number) ^ !seed));
    format!(
        "{:08X}-{:04X}-5{:03X}-A{:03X}-{:012X}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}
