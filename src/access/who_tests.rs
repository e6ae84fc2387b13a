//! What `who` costs, in virtual time.

use super::*;
use crate::api::caller::Caller;
use crate::api::client::Client;
use crate::api::credentials::{Credentials, Secret};
use crate::api::endpoint::Endpoints;
use crate::api::reading::{Listing, Reader};
use crate::api::transport::{SendError, Transport, WireAnswer, WireRequest, headers};
use crate::clock::SystemClock;
use crate::model::Kind;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const HOSTS: usize = 2500;
const USERS: usize = 2400;

/// An instance of 2,500 hosts and 2,400 users, every second of which has host 1234. Each answer takes
/// 80 ms, and a page has at most 50 items.
struct Instance;

impl Transport for Instance {
    async fn send(&self, request: WireRequest) -> Result<WireAnswer, SendError> {
        tokio::time::sleep(Duration::from_millis(80)).await;
        let value = |name: &str| {
            let pairs = request.query.split('&').chain(request.body.split('&'));
            let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let page: usize = value("PageNumber").and_then(|page| page.parse().ok()).unwrap_or(1);
        let body = match value("Action").unwrap_or_default().as_str() {
            "ListUsers" => listing("Users", "User", USERS, page),
            "ListHosts" if value("HostName").is_none() => listing("Hosts", "Host", HOSTS, page),
            "ListHosts" => one_host(true),
            "ListHostsForUser" => {
                let id: usize = value("UserId").and_then(|id| id.parse().ok()).unwrap_or(0);
                assert_eq!(value("HostName").as_deref(), Some("Host1234"), "filtered by name");
                one_host(id.is_multiple_of(2))
            }
            "ListProjects" => "{\"TotalCount\":0,\"Projects\":[]}".to_owned(),
            _ => "{\"TotalCount\":0,\"UserGroups\":[],\"HostGroups\":[],\"Rules\":[]}".to_owned(),
        };
        Ok(WireAnswer { status: 200, headers: headers([]), body: body.into() })
    }
}

fn listing(list: &str, item: &str, total: usize, page: usize) -> String {
    let ids = ((page - 1) * 50..total).take(50);
    let items = ids.map(|id| format!("{{\"{item}Id\":\"{id}\",\"{item}Name\":\"{item}{id}\"}}"));
    let items = items.collect::<Vec<_>>().join(",");
    format!("{{\"TotalCount\":{total},\"{list}\":[{items}]}}")
}

fn one_host(is_there: bool) -> String {
    let host = r#"{"TotalCount":1,"Hosts":[{"HostId":"1234","HostName":"Host1234"}]}"#;
    if is_there { host.to_owned() } else { r#"{"TotalCount":0,"Hosts":[]}"#.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_target_of_2500_hosts_and_2400_users_takes_one_call_for_each_user_at_the_rate() {
    let credentials = Credentials {
        access_key_id: "testid".to_owned(),
        access_key_secret: Secret::new("testsecret".to_owned()),
        security_token: None,
    };
    let endpoint = "http://127.0.0.1:1".parse().unwrap();
    let endpoints = Endpoints::new(Some(endpoint), []).unwrap();
    let client = Client::new(Instance, endpoints, credentials, Arc::new(SystemClock));
    let caller = Arc::new(Caller::new(client, 10.0, 16));
    let reader = Reader::new(Arc::clone(&caller), "i-1", "cn-hangzhou");
    let started = Instant::now();
    let target = Target {
        kind: Kind::Host,
        id: "1234".to_owned(),
        name: "Host1234".to_owned(),
        addresses: Vec::new(),
    };
    let projects = Listing::Complete(Vec::new());
    let candidates = candidates(&reader, Kind::Host, projects).await.unwrap();
    let cost = Cost::of(&candidates, 0);
    assert_eq!((cost.calls(), caller.calls()), (2400, 48 + 3), "the cost is known after 51 calls");
    let steps = Mutex::new(Vec::new());
    let on_step = |step: Step| steps.lock().unwrap().push(step);
    let access = target_access(&reader, target, &candidates, false, &on_step, cost).await.unwrap();
    assert_eq!((access.holders.len(), access.unread.len()), (1200, 0));
    assert_eq!(caller.calls(), 51 + 2400 + 1, "and one to see that the name has not changed");
    let took = started.elapsed().as_secs_f64();
    assert!((245.0..246.0).contains(&took), "{took}");
    let users = steps.into_inner().unwrap().into_iter().filter(|step| step.what == "users");
    let done: Vec<usize> = users.map(|step| step.done).collect();
    assert_eq!(done, (0..=2400).collect::<Vec<_>>(), "every user is a step");
}
