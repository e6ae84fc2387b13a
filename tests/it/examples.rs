//! The examples of the library, against the simulated service.

#[path = "../../examples/list_hosts_of_user.rs"]
#[expect(dead_code, reason = "its main function")]
mod list_hosts_of_user;
#[path = "../../examples/revoke_one_grant.rs"]
#[expect(dead_code, reason = "its main function")]
mod revoke_one_grant;

use std::ffi::OsString;

use bastion_revoke::api::credentials::Environment;
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;

use crate::sandbox::{INSTANCE, TestService};

fn keys(secret: &str) -> Environment {
    let keys =
        [("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)];
    keys.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

#[test]
fn one_grant_is_revoked_and_the_hosts_of_a_user_are_listed() {
    let world = Some(World::sample());
    let service = TestService::start(Settings { world, ..Settings::default() });
    let endpoint = service.endpoint();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let hosts = || list_hosts_of_user::hosts(&endpoint, keys("testsecret"), INSTANCE, "17");
        assert_eq!(hosts().await.expect("a listing"), ["web-01", "build-01", "jump-01"]);
        let revoke = async |secret: &str, host: &str| {
            let client = revoke_one_grant::client(&endpoint, keys(secret)).expect("a client");
            let answer = revoke_one_grant::revoke(&client, INSTANCE, "17", host).await;
            answer.expect("an answer")
        };
        assert!(revoke("testsecret", "1031").await.starts_with("revoked (request "));
        assert!(revoke("testsecret", "1031").await.starts_with("already_absent (request "));
        assert_eq!(hosts().await.expect("a listing"), ["web-01", "jump-01"]);
        assert!(revoke("testsecret2", "1027").await.starts_with("refused: SignatureDoesNotMatch"));
    });
}
