//! The reader against the simulated world over HTTP, and against fixed answers.

use super::*;
use crate::api::caller::Caller;
use crate::api::client::Client;
use crate::api::credentials::{Credentials, Secret};
use crate::api::endpoint::Endpoints;
use crate::api::transport::{
    HttpTransport, Reach, SendError, Transport, WireAnswer, WireRequest, headers,
};
use crate::clock::SystemClock;
use crate::model::{Grantee, GranteeKind, Kind};
use crate::sim::server::Running;
use crate::sim::world::{World, WorldFile};
use crate::sim::{Service, Settings};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn reader<T: Transport>(transport: T, endpoint: &str, rate_per_s: f64) -> Reader<T> {
    let credentials = Credentials {
        access_key_id: "testid".to_owned(),
        access_key_secret: Secret::new("testsecret".to_owned()),
        security_token: None,
    };
    let endpoints = Endpoints::new(Some(endpoint.parse().unwrap()), []).unwrap();
    let client = Client::new(transport, endpoints, credentials, Arc::new(SystemClock));
    Reader::new(Arc::new(Caller::new(client, rate_per_s, 16)), "i-1", "cn-hangzhou")
}

/// The sample world with changes to its file, and a reader of it.
async fn world(change: &str) -> (Running, Reader<HttpTransport>) {
    let text = include_str!("../../../samples/world.toml");
    let world = World::new(WorldFile::parse(&format!("{text}\n{change}")).unwrap()).unwrap();
    serve(world).await
}

async fn serve(world: World) -> (Running, Reader<HttpTransport>) {
    let settings = Settings { world: Some(world), quota: None, ..Settings::default() };
    let running = Running::start(Service::new(settings), Arc::new(SystemClock)).await.unwrap();
    let timeout = Duration::from_secs(30);
    let transport = HttpTransport::new(timeout, 16, None, Reach::LoopbackPlain).unwrap();
    let endpoint = running.endpoint();
    (running, reader(transport, &endpoint, 1e6))
}

/// Answers in order, the last one repeatedly.
struct Answers(Mutex<VecDeque<(u16, String)>>);

impl Transport for Answers {
    async fn send(&self, _: WireRequest) -> Result<WireAnswer, SendError> {
        let mut left = self.0.lock().unwrap();
        let (status, body) = if left.len() > 1 { left.pop_front() } else { left.front().cloned() }
            .expect("an answer");
        Ok(WireAnswer { status, headers: headers([]), body: body.into() })
    }
}

fn answers(all: &[(u16, &str)]) -> Reader<Answers> {
    let all = all.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    reader(Answers(Mutex::new(all)), "http://127.0.0.1:1", 10.0)
}

fn lina() -> Grantee {
    Grantee { kind: GranteeKind::User, id: "17".to_owned() }
}

fn platform() -> Grantee {
    Grantee { kind: GranteeKind::UserGroup, id: "3".to_owned() }
}

fn ids<T>(listing: &Listing<T>, id: impl Fn(&T) -> &str) -> Vec<&str> {
    let items = listing.complete().unwrap_or_else(|| panic!("{:?}", listing.reason()));
    items.iter().map(id).collect()
}

/// Everything that the sample world shows of lina.
async fn assert_lina(reader: &Reader<HttpTransport>) {
    let Lookup::Found(user) = reader.user("17").await.unwrap() else { panic!("no user") };
    assert_eq!((&*user.name, &*user.states), ("lina@corp", &["Normal".to_owned()][..]));
    for (kind, expected) in [
        (Kind::Host, &["1027", "1031", "1044"][..]),
        (Kind::HostGroup, &["12"]),
        (Kind::Database, &["88"]),
    ] {
        let targets = reader.granted_targets(&lina(), kind).await.unwrap();
        assert_eq!(ids(&targets, |target| &target.id), expected);
    }
    let mut found = Vec::new();
    for (kind, target) in [(Kind::Host, "1027"), (Kind::HostGroup, "12"), (Kind::Database, "88")] {
        let accounts = reader.granted_accounts(&lina(), kind, target).await.unwrap();
        let accounts = accounts.complete().unwrap().iter();
        found.extend(accounts.map(|one| (one.id.clone(), one.is_authorized)));
    }
    let expected = [("3058", true), ("3059", true), ("ops", true), ("501", true), ("502", false)];
    assert_eq!(found, expected.map(|(id, granted)| (id.to_owned(), Some(granted))));
    let groups = reader.memberships("17").await.unwrap();
    assert_eq!(ids(&groups, |group| &group.group_id), ["3"]);
    let keys = reader.public_keys("17").await.unwrap();
    assert_eq!(ids(&keys, |key| &key.id), ["201"]);
}

#[tokio::test]
async fn every_operation_reads_the_sample_world() {
    let (_running, reader) = world("").await;
    assert_lina(&reader).await;
    let filter = UserFilter { name: "li.wei", ..UserFilter::default() };
    assert_eq!(ids(&reader.users(filter).await.unwrap(), |user| &user.id), ["61", "62", "63"]);
    let hosts = reader.hosts(HostFilter { name: "cache-01", ..HostFilter::default() });
    assert_eq!(ids(&hosts.await.unwrap(), |host| &host.id), ["1070", "1071"]);
    let accounts = reader.host_accounts("1061").await.unwrap();
    assert_eq!(ids(&accounts, |account| &account.protocol), ["RDP", "SSH"]);
    let groups = reader.host_groups("build").await.unwrap();
    assert_eq!(ids(&groups, |group| &group.id), ["15"]);
    let databases = reader.databases(DatabaseFilter::default()).await.unwrap();
    assert_eq!(ids(&databases, |database| &database.id), ["88", "91", "97", "98"]);
    assert_eq!(reader.database_accounts("").await.unwrap().items().len(), 5);
    assert_eq!(ids(&reader.database_accounts("91").await.unwrap(), |one| &one.id), ["511"]);
    assert_eq!(ids(&reader.user_groups("").await.unwrap(), |group| &group.id), ["3", "4", "5"]);
    let rules = reader.rules().await.unwrap();
    assert_eq!(ids(&rules, |rule| &rule.state), ["Enabled", "Enabled", "Disabled"]);
    let Lookup::Found(rule) = reader.rule("7").await.unwrap() else { panic!("no rule") };
    assert_eq!(rule.user_ids, ["17", "62"]);
    let accounts = vec!["3310".to_owned()];
    assert_eq!(rule.targets, [RuleTarget { kind: Kind::Host, id: "1080".to_owned(), accounts }]);
    assert_eq!(ids(&reader.projects().await.unwrap(), |project| &project.id), ["1"]);
    let attribute = reader.instance_attribute().await.unwrap();
    assert!(matches!(attribute, Lookup::Found(a) if a.app_operation == Some(true)));
    for (kind, target, account) in [(Kind::Host, "1081", "3311"), (Kind::HostGroup, "15", "ops")] {
        let targets = reader.granted_targets(&platform(), kind).await.unwrap();
        assert_eq!(ids(&targets, |one| &one.id), [target]);
        let accounts = reader.granted_accounts(&platform(), kind, target).await.unwrap();
        let mut granted = accounts.items().iter().filter(|one| one.is_authorized == Some(true));
        assert_eq!(granted.next().map(|one| &*one.id), Some(account));
    }
    let databases = reader.granted_targets(&platform(), Kind::Database).await.unwrap();
    assert_eq!(databases, Listing::Complete(Vec::new()));
}

#[tokio::test]
async fn text_numbers_text_booleans_blanks_and_short_pages_change_nothing() {
    let switches = "[behaviour]\npage_size_cap = 2\nis_authorized_text = true\n\
                    total_count_text = true\ntrailing_blanks = true\n";
    let (_running, reader) = world(switches).await;
    assert_lina(&reader).await;
}

#[tokio::test]
async fn memberships_are_read_from_all_groups_once_where_the_operation_is_missing() {
    let switches = "[behaviour]\nmissing_operations = [\"ListUserGroupsForUser\"]\n";
    let (_running, reader) = world(switches).await;
    assert_lina(&reader).await;
    let before = reader.caller().calls();
    let groups = reader.memberships("63").await.unwrap();
    assert_eq!(ids(&groups, |group| &group.group_name), ["contractors"]);
    assert_eq!(reader.memberships("61").await.unwrap(), Listing::Complete(Vec::new()));
    assert_eq!(reader.caller().calls(), before, "the groups are cached");
}

#[tokio::test]
async fn what_may_not_be_read_is_not_checked_and_the_rest_is_read() {
    let switches = "[behaviour]\ndenied_operations = [\"ListRules\", \"GetUser\", \
                    \"ListUserGroupsForUser\", \"ListUserGroups\"]\n";
    let (_running, reader) = world(switches).await;
    let rules = reader.rules().await.unwrap();
    assert!(
        matches!(&rules, Listing::NotChecked(why) if why.starts_with("ListRules: NoPermission"))
    );
    assert!(matches!(reader.user("17").await.unwrap(), Lookup::NotChecked(_)));
    assert!(matches!(reader.memberships("17").await.unwrap(), Listing::NotChecked(_)));
    assert_eq!(reader.user_groups("").await.unwrap().items(), []);
    assert!(reader.public_keys("17").await.unwrap().complete().is_some());
    assert_eq!(reader.rule("404").await.unwrap(), Lookup::NotFound);
}

#[tokio::test]
async fn a_wrong_total_or_a_missing_page_is_incomplete() {
    let (_running, reader) = world("[behaviour]\ntotal_count_offset = 1\n").await;
    let users = reader.users(UserFilter::default()).await.unwrap();
    assert!(matches!(&users, Listing::Incomplete { items, .. } if items.len() == 8), "{users:?}");
    let switches = "[behaviour]\npage_size_cap = 5\n[[behaviour.empty_pages]]\n\
                    operation = \"ListUsers\"\npage = 2\n";
    let (_running, reader) = world(switches).await;
    let users = reader.users(UserFilter::default()).await.unwrap();
    let reason = "ListUsers: 5 of 8 items were read";
    assert_eq!((users.items().len(), users.reason()), (5, Some(reason)));
}

#[tokio::test]
async fn a_list_that_changes_between_pages_is_read_again() {
    let switches = "[behaviour]\npage_size_cap = 3\n[[behaviour.changes]]\n\
                    operation = \"ListHosts\"\nafter_page = 1\nremove_host = \"1027\"\n";
    let (_running, reader) = world(switches).await;
    let hosts = reader.hosts(HostFilter::default()).await.unwrap();
    let hosts = hosts.complete().expect("complete after a second reading");
    assert_eq!(hosts.len(), 11);
    assert!(hosts.iter().all(|host| host.id != "1027"));
}

#[tokio::test]
async fn a_missing_user_is_not_found_and_a_missing_instance_is_not_checked() {
    let (_running, reader) = world("").await;
    assert_eq!(reader.user("404").await.unwrap(), Lookup::NotFound);
    let reader = answers(&[(404, r#"{"Code":"InstanceNotFound"}"#)]);
    assert!(matches!(reader.user("17").await.unwrap(), Lookup::NotChecked(_)));
}

#[tokio::test(start_paused = true)]
async fn a_missing_list_is_incomplete_and_another_value_of_a_boolean_unknown() {
    let reader = answers(&[(200, r#"{"TotalCount":"2"}"#)]);
    let hosts = reader.hosts(HostFilter::default()).await.unwrap();
    assert!(matches!(hosts, Listing::Incomplete { .. }));
    let body = r#"{"TotalCount":1,"HostAccounts":[{"HostAccountId":5,"IsAuthorized":"no"}]}"#;
    let reader = answers(&[(200, body)]);
    let accounts = reader.granted_accounts(&lina(), Kind::Host, "1").await.unwrap();
    let account = &accounts.complete().unwrap()[0];
    assert_eq!((&*account.id, account.is_authorized), ("5", None));
    let reader = answers(&[(200, r#"{"RequestId":"R"}"#)]);
    let names = reader.granted_accounts(&lina(), Kind::HostGroup, "1").await.unwrap();
    assert!(matches!(names, Listing::Incomplete { .. }));
}

#[tokio::test(start_paused = true)]
async fn keys_of_another_user_are_left_out_and_the_list_is_incomplete() {
    let body = r#"{"TotalCount":2,"PublicKeys":[{"PublicKeyId":"1","UserId":"17"},
        {"PublicKeyId":"2","UserId":"18"}]}"#;
    let keys = answers(&[(200, body)]).public_keys("17").await.unwrap();
    assert!(matches!(&keys, Listing::Incomplete { items, .. } if items.len() == 1), "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_and_errors_are_bounded() {
    let mut all = vec![(400, r#"{"Code":"Throttling.User"}"#); 20];
    all.push((200, r#"{"TotalCount":0,"Users":[]}"#));
    let reader = answers(&all);
    assert!(reader.users(UserFilter::default()).await.unwrap().complete().is_some());
    assert_eq!(reader.caller().calls(), 21);
    let reader = answers(&[(500, r#"{"Code":"InternalError"}"#)]);
    let users = reader.users(UserFilter::default()).await.unwrap();
    assert!(matches!(users, Listing::NotChecked(_)), "{users:?}");
    assert_eq!(reader.caller().calls(), 6);
    let reader = answers(&[(404, r#"{"Code":"InvalidAccessKeyId.NotFound"}"#)]);
    assert!(reader.users(UserFilter::default()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn many_reads_keep_near_calls_divided_by_rate() {
    let reader = answers(&[(200, r#"{"TotalCount":0,"HostAccounts":[]}"#)]);
    let start = tokio::time::Instant::now();
    let hosts: Vec<String> = (0..2500).map(|id| id.to_string()).collect();
    let read = |reader: Reader<Answers>, host: String| async move {
        reader.granted_accounts(&lina(), Kind::Host, &host).await
    };
    assert_eq!(reader.read_all(hosts, read).await.unwrap().len(), 2500);
    let took = start.elapsed().as_secs_f64();
    assert!((249.0..252.0).contains(&took), "{took}");
}
