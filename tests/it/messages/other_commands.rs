//! The messages of the commands around `run`.

use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;

use super::Page;
use crate::sandbox::{INSTANCE, TestService};

pub(super) fn all(page: &mut Page) {
    reading(page);
    verification(page);
    offboarding(page);
    restoring(page);
    evidence(page);
    approval(page);
    queue(page);
}

/// The sample world with this behaviour.
fn service(behaviour: &str) -> TestService {
    let sample = include_str!("../../../samples/world.toml");
    let world = World::parse(&format!("{sample}\n[behaviour]\n{behaviour}\n")).expect("a world");
    TestService::start(Settings { world: Some(world), ..Settings::default() })
}

fn reading(page: &mut Page) {
    page.topic("What people reach");
    page.new_sandbox();
    let service = service("denied_operations = [\"ListUserPublicKeys\"]");
    let endpoint = service.endpoint();
    let common = ["--instance-id", INSTANCE, "--endpoint", &endpoint];
    let export = |page: &mut Page, code, args: &[&str]| {
        page.says(code, &[&["export", "--scope", "whole"], args, &common].concat());
    };
    page.says(2, &[&["export", "--user", "lina@corp"], &common[..]].concat());
    export(page, 65, &["--user", "li.wei"]);
    export(page, 65, &["--user", "nobody"]);
    export(page, 1, &["--user", "id:999"]);
    export(page, 1, &["--user", "lina@corp", "--out", "denied.csv"]);
    export(page, 66, &["--users-from", "absent.txt"]);
    page.sandbox.file("leavers.txt", "# none left\n");
    export(page, 65, &["--users-from", "leavers.txt"]);
    page.sandbox.file("leavers.txt", "id:1 7\n");
    export(page, 65, &["--users-from", "leavers.txt"]);
    let who = |page: &mut Page, code, args: &[&str]| {
        page.says(code, &[&["who"], args, &common].concat());
    };
    who(page, 2, &["host:1081"]);
    who(page, 2, &["hst:1081", "--yes"]);
    who(page, 65, &["--host", "web-99", "--yes"]);
    who(page, 65, &["host:999999", "--yes"]);
    service.stop();
}

fn verification(page: &mut Page) {
    page.topic("Verification");
    page.new_sandbox();
    let service = service("");
    let endpoint = service.endpoint();
    let verify = |page: &mut Page, code, args: &[&str]| {
        page.says(code, &[&["verify"], args, &["--endpoint", &endpoint]].concat());
    };
    verify(page, 66, &["absent.csv"]);
    verify(page, 65, &["list.csv"]);
    verify(page, 2, &["list.csv", "list.csv"]);
    verify(page, 2, &["list.csv", "--sample", "200%"]);
    verify(page, 2, &["list.csv", "--settle", "15"]);
    service.stop();
}

fn offboarding(page: &mut Page) {
    page.topic("Offboarding");
    page.new_sandbox();
    let service = service("");
    let endpoint = service.endpoint();
    let common = ["--instance-id", INSTANCE, "--endpoint", &endpoint];
    let offboard = |page: &mut Page, code, args: &[&str]| {
        page.says(code, &[&["offboard"], args, &common].concat());
    };
    offboard(page, 2, &["--yes"]);
    offboard(page, 2, &["--user", "lina@corp"]);
    offboard(page, 65, &["--user", "nobody", "--yes"]);
    offboard(page, 65, &["--user", "li.wei", "--yes"]);
    offboard(page, 4, &["--user", "lina@corp", "--yes", "--max-users", "0"]);
    service.stop();
}

fn restoring(page: &mut Page) {
    page.topic("Undoing a run");
    page.new_sandbox();
    page.says(66, &["restore", "absent.csv", "--yes"]);
    page.says(66, &["restore", "list.csv", "--yes"]);
    let service = service("");
    let endpoint = service.endpoint();
    page.sandbox.file("gone.csv", "user,host,account\n17,1044,*\n");
    let args = ["run", "gone.csv", "--instance-id", INSTANCE, "--yes", "--endpoint", &endpoint];
    page.says(0, &args);
    page.says(4, &["restore", "outcome.csv", "--yes"]);
    service.stop();
}

fn evidence(page: &mut Page) {
    page.topic("Reports and evidence");
    page.new_sandbox();
    page.says(66, &["report", "absent.csv", "--html", "report.html"]);
    page.says(65, &["report", "list.csv", "--html", "report.html"]);
    page.says(66, &["evidence", "absent.csv", "--out", "bundle.zip"]);
    page.says(66, &["evidence", "list.csv", "--out", "bundle.zip"]);
    page.says(66, &["evidence", "--verify", "absent.zip"]);
    page.says(65, &["evidence", "--verify", "list.csv"]);
    page.says(66, &["status", "absent.csv"]);
}

fn approval(page: &mut Page) {
    page.topic("Approval by a second person");
    page.new_sandbox();
    page.says(66, &["plan", "--open", "absent.zip"]);
    page.says(65, &["plan", "--open", "list.csv"]);
    let plan = ["plan", "list.csv", "--instance-id", INSTANCE, "--save", "plan.zip"];
    page.says(0, &plan);
    page.says(2, &["run", "--plan", "plan.zip"]);
    page.says(2, &["run", "--plan", "plan.zip", "--approve", "7K3M"]);
    page.says(4, &["run", "--plan", "plan.zip", "--approve", "7K3M-Q9TX-2B4D"]);
}

fn queue(page: &mut Page) {
    page.topic("The queue");
    page.new_sandbox();
    let dead = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("redis://{}/revocations", socket.local_addr().expect("an address"))
    };
    page.says(2, &["work"]);
    page.says(2, &["work", "--queue", "redis://127.0.0.1"]);
    page.says(2, &["work", "--queue", "http://127.0.0.1/revocations"]);
    page.says(2, &["work", "--queue", "redis://192.0.2.1/revocations"]);
    page.says(78, &["queue", "status", "--queue", &dead]);
}
