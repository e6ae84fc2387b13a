//! The monitoring of a worker: the live page in a real browser, and the samples for Prometheus and
//! Grafana.

use super::server::{Redis, free_port};
use super::workers::{STREAM, Worker};
use crate::sandbox::{INSTANCE, Sandbox, TestService, program, with_keys};
use bastion_revoke::queue::metrics::Metrics;
use bastion_revoke::sim::{ACCESS_KEY_SECRET, Settings};
use std::collections::BTreeSet;
use std::path::Path;

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    std::fs::read_to_string(path).expect("a sample")
}

/// Runs promtool in a sandbox.
#[track_caller]
fn promtool(sandbox: &Sandbox, arguments: &[&str]) {
    let mut command = program("promtool", "prometheus");
    let output = command.args(arguments).current_dir(sandbox.path(".")).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// The metrics that a text mentions.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices("bastion_revoke_")
        .map(|(at, _)| text[at..].chars().take_while(|c| of_name(*c)).collect())
        .collect()
}

fn served_metrics() -> BTreeSet<String> {
    let text = Metrics::default().text();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    names.filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

#[test]
fn the_alert_rules_are_valid_and_fire_when_they_should() {
    let sandbox = Sandbox::new();
    let rules = sample("prometheus-alerts.yml");
    let unknown: Vec<String> = metrics_in(&rules).difference(&served_metrics()).cloned().collect();
    assert!(unknown.is_empty(), "no worker serves {unknown:?}");
    sandbox.file("rules.yml", &rules);
    promtool(&sandbox, &["check", "rules", "rules.yml"]);
    sandbox.file(
        "tests.yml",
        r#"
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - { series: 'up{job="bastion-revoke"}', values: '1x60' }
      - { series: 'bastion_revoke_redis_up', values: '1x60' }
      - { series: 'bastion_revoke_queue_paused', values: '0x30 1x30' }
      - { series: 'bastion_revoke_queue_oldest_seconds', values: '3600x60' }
      - { series: 'bastion_revoke_queue_dead', values: '0x20 2x40' }
    alert_rule_test:
      - { eval_time: 10m, alertname: BastionRevokeDeadLetters, exp_alerts: [] }
      - { eval_time: 10m, alertname: BastionRevokeNoWorkers, exp_alerts: [] }
      - eval_time: 10m
        alertname: BastionRevokeQueueStalled
        exp_alerts:
          - exp_labels: { severity: critical }
            exp_annotations:
              summary: The oldest entry of the queue has waited 1h 0m 0s
              description: Access that should be gone is still there. Compare the pace with the number of entries, and add workers or raise --rate if the API permits it.
      - { eval_time: 45m, alertname: BastionRevokeQueueStalled, exp_alerts: [] }
      - eval_time: 30m
        alertname: BastionRevokeDeadLetters
        exp_alerts:
          - exp_labels: { severity: warning }
            exp_annotations:
              summary: 2 entries could not be carried out
              description: "See them: bastion-revoke queue dead list. Then requeue or drop them."
  - interval: 1m
    alert_rule_test:
      - eval_time: 10m
        alertname: BastionRevokeNoWorkers
        exp_alerts:
          - exp_labels: { severity: critical }
            exp_annotations:
              summary: No worker of bastion-revoke is running
              description: Nobody loses access until a worker runs. Start one, and check its log.
"#,
    );
    promtool(&sandbox, &["test", "rules", "tests.yml"]);
}

#[test]
fn the_dashboard_queries_metrics_that_a_worker_serves() {
    let sandbox = Sandbox::new();
    let text = sample("grafana-dashboard.json");
    let unknown: Vec<String> = metrics_in(&text).difference(&served_metrics()).cloned().collect();
    assert!(unknown.is_empty(), "no worker serves {unknown:?}");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets =
        panels.iter().flat_map(|panel| panel["targets"].as_array().expect("a list of targets"));
    let recorded = targets.map(|target| {
        let query = target["expr"].as_str().expect("a query");
        let query = query.replace("$job", "j").replace("$__rate_interval", "1m");
        format!("      - record: a:b\n        expr: {}\n", serde_json::json!(query))
    });
    rules.extend(recorded);
    sandbox.file("rules.yml", &rules);
    promtool(&sandbox, &["check", "rules", "--lint=none", "rules.yml"]);
}

#[test]
fn the_live_page_shows_a_worker_in_a_browser() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    client.add_row(STREAM, "7", "1", "2");
    client.add_row(STREAM, "7", "1", "");
    let port = free_port();
    let (url, listen) = (redis.queue(STREAM), format!("127.0.0.1:{port}"));
    let args = ["work", "--queue", &url, "--endpoint", &service.endpoint(), "--lease", "1s"];
    let more = ["--instance-id", INSTANCE, "--listen", &listen, "--linger", "20ms"];
    let mut command = sandbox.command(&[&args[..], &more].concat());
    with_keys(&mut command, ACCESS_KEY_SECRET);
    let worker = Worker::spawn(command, &sandbox);
    client.wait_for("{revocations}:outcomes", 2);
    // Metrics of the queue are measured with every heartbeat.
    client.adds_within("absent", 1000);
    let page = format!("http://{listen}/");
    let mut browser = program("chromium", "chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]);
    browser.arg(format!("--user-data-dir={}", sandbox.path("browser").display()));
    browser.args(["--virtual-time-budget=6000", "--dump-dom", &page]);
    let output = browser.output().expect("a browser");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!log.contains(":CONSOLE"), "the page reports no error: {log}");
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        r#"<span id="state" role="status" class="good">working</span>"#,
        r#"<dd data-metric="queue_dead" data-bad="1" class="bad">1</dd>"#,
        r#"<dd data-metric="queue_workers">1</dd>"#,
        r#"<td>revoked</td><td class="n">1</td>"#,
        r#"<td>invalid</td><td class="n">1</td>"#,
        "<td>DetachHostAccountsFromUser</td><td>answered</td>",
        "<polyline",
    ] {
        assert!(dom.contains(part), "{part}: {dom}");
    }
    assert!(!dom.contains("//cdn") && !dom.contains("src=\"http"), "nothing from elsewhere");
    assert_eq!(worker.drain(), 0);
}
