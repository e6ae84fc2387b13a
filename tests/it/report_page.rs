//! The page of `report` and `run --html`, in a real browser.

use crate::browser::Browser;
use crate::credentials::stub_server;
use crate::python::{interpreter, run};
use crate::sandbox::{Ended, Sandbox, TestService};
use bastion_revoke::sim::{Fault, FaultRate, Faults, Grants, Settings};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

const HEADER: &str = "user,user_name,kind,target,account,ticket,status,code,message,request_id,\
     attempts,finished_at,duplicate_of";

/// A run with rows of several statuses, throttled now and then, and the page that it wrote.
fn run_with_page(sandbox: &Sandbox, more: &[&str]) -> Ended {
    let mut list = "user,host,account,note\n".to_owned();
    for account in 0..140 {
        let _ = writeln!(list, "{},1,{account},", account % 7);
    }
    list.push_str("7,9,2,gone\n7,1,poison,\n8,1,unexpected,\n7,1,,\n");
    sandbox.file("list.csv", list);
    let mut grants = "user,kind,target,account\n".to_owned();
    for account in 0..140 {
        let _ = writeln!(grants, "{},host,1,{account}", account % 7);
    }
    let rate = FaultRate { fault: Fault::Throttle, probability: 0.15 };
    let service = TestService::start(Settings {
        grants: Grants::from_csv(grants.as_bytes()).expect("grants"),
        faults: Faults::new([rate]),
        ..Settings::default()
    });
    let args = ["--yes", "--skip-invalid", "--concurrency", "1", "--html", "report.html"];
    let args = [&args[..], more].concat();
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &args);
    Ended::of(&command.output().expect("it starts"))
}

/// The page of an outcome, made by `report`.
#[track_caller]
fn page_of(sandbox: &Sandbox, outcome: &str, more: &[&str]) -> PathBuf {
    sandbox.file("outcome.csv", outcome);
    let args = ["report", "outcome.csv", "--html", "report.html"];
    sandbox.ends(&[&args[..], more].concat()).expect(0, "");
    sandbox.path("report.html")
}

#[track_caller]
fn assert_no_complaint(browser: &Browser) {
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    assert!(browser.requests().is_empty(), "{:?}", browser.requests());
}

const FIRST_COLUMN: &str =
    "[...document.querySelectorAll('#rows tbody tr > th')].map(c => c.textContent).join(' ')";

#[test]
fn a_run_is_shown_without_anything_from_elsewhere() {
    let sandbox = Sandbox::new();
    let ended = run_with_page(&sandbox, &[]);
    assert!(ended.code == 1 && ended.out.contains("Report: report.html (144 rows)"), "{ended:?}");
    let mut browser = Browser::start();
    browser.open(&sandbox.path("report.html"));
    assert_no_complaint(&browser);
    let text = browser.text("document.body.innerText");
    for part in [
        "Access is gone for 140 of 144 rows",
        "4 rows are not known to be gone",
        "with exit code 1: finished; some rows ended otherwise.",
        "144 rows, 143 different revocations",
        "bastionhost-cn-test",
        "throttled: sent again later, no row failed because of it",
        "Rows 1 to 4 of 4",
        "Correct the row in the list as its message says, then run it.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let count = |browser: &mut Browser, of: &str| {
        browser.evaluate(&format!("document.querySelectorAll({of:?}).length"))
    };
    assert!(count(&mut browser, "svg .c-answered").as_u64() > Some(0));
    assert!(count(&mut browser, "svg .c-throttled").as_u64() > Some(0));
    assert_eq!(count(&mut browser, ".bar rect"), 4);
    assert_eq!(count(&mut browser, "#users tbody tr"), 9);
}

#[test]
fn rows_are_searched_ordered_filtered_and_turned_over() {
    let sandbox = Sandbox::new();
    let mut outcome = format!("{HEADER}\n");
    for row in 1..=260 {
        let status = if row % 100 == 0 { "failed" } else { "revoked" };
        let _ = writeln!(
            outcome,
            "{},name{row},host,{},a{row},T-{row},{status},,,req,1,2026-01-02T03:04:05Z,",
            row % 9,
            1000 - row
        );
    }
    let page = page_of(&sandbox, &outcome, &[]);
    let mut browser = Browser::start();
    browser.open(&page);
    assert_eq!(browser.text(FIRST_COLUMN), "100 200", "what is left comes first");
    let filter = "f = document.querySelector('#rows .filter'); f.value = ''; \
         f.dispatchEvent(new Event('change'))";
    browser.evaluate(filter);
    let shown = "document.querySelector('#rows .shown').textContent";
    assert_eq!(browser.text(shown), "Rows 1 to 50 of 260");
    browser.evaluate("document.querySelector('#rows .next').click()");
    assert_eq!(browser.text(shown), "Rows 51 to 100 of 260");
    // By the number in the target, not by its text: 740 before 999, and 1000 would be last.
    browser.evaluate("document.querySelector('#rows .sort[data-at=\"2\"]').click()");
    assert!(browser.text(FIRST_COLUMN).starts_with("260 259 258 "));
    let sorted = "document.querySelector('#rows th[aria-sort]').getAttribute('aria-sort')";
    assert_eq!(browser.text(sorted), "ascending");
    browser.evaluate("document.querySelector('#rows .sort[data-at=\"2\"]').click()");
    assert!(browser.text(FIRST_COLUMN).starts_with("1 2 3 "));
    assert_eq!(browser.text(sorted), "descending");
    // A column that is in the details only is searched, too.
    let search = "new Promise(done => { s = document.querySelector('#rows input'); \
         s.value = 't-25 NAME25'; s.dispatchEvent(new Event('input')); setTimeout(done, 400) })";
    browser.evaluate(search);
    assert_eq!(browser.text(FIRST_COLUMN), "25 250 251 252 253 254 255 256 257 258 259");
    browser.evaluate("document.querySelector('#users tbody tr:last-child button').click()");
    let user = browser.text("document.querySelector('#users tbody tr:last-child bdi').textContent");
    let users = "[...new Set([...document.querySelectorAll('#rows tbody td:nth-child(2) .part:first-child')]\
         .map(c => c.textContent))].join(' ')";
    assert_eq!(browser.text(users), user, "only the rows of that user");
    browser.evaluate("document.querySelector('#rows .only').click()");
    assert_eq!(browser.text(shown), "Rows 1 to 50 of 260");
    assert_no_complaint(&browser);
}

#[test]
fn the_caller_is_shown_as_sts_tells_it_or_by_its_key() {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", "user,host,account\n7,1,2\n");
    let service = TestService::start(Settings::default());
    let sts = stub_server(|_| {
        let reply = r#"{"AccountId":"1","Arn":"acs:ram::1:user/lina","IdentityType":"RAMUser"}"#;
        (200, reply.to_owned())
    });
    let page = |sts: Option<&str>| {
        let more = ["--yes", "--restart", "--html", "report.html"];
        let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
        command.envs(sts.map(|address| ("BASTION_REVOKE_STS_ENDPOINT", address)));
        Ended::of(&command.output().expect("it starts")).expect(0, "");
        std::fs::read_to_string(sandbox.path("report.html")).expect("the page")
    };
    assert!(page(Some(&sts)).contains("<bdi>acs:ram::1:user&#x2f;lina</bdi>"));
    let by_key = page(None);
    assert!(by_key.contains("access key te**** (source: environment)"), "{by_key}");
    assert!(!by_key.contains("testid") && !by_key.contains("testsecret"));
}

#[test]
fn the_tables_are_used_by_keyboard() {
    let sandbox = Sandbox::new();
    let ended = run_with_page(&sandbox, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let mut browser = Browser::start();
    browser.open(&sandbox.path("report.html"));
    let focused = "document.activeElement.textContent";
    browser.press("Tab");
    assert_eq!(browser.text(focused), "Skip to the rows");
    browser.press("Enter");
    assert_eq!(browser.text("document.activeElement.id"), "rows");
    let mut reached = Vec::new();
    while reached.last().is_none_or(|text| text != "Status") {
        assert!(reached.len() < 20, "{reached:?}");
        browser.press("Tab");
        reached.push(browser.text(focused));
    }
    browser.press("Enter");
    let sorted = "document.querySelector('#rows th[aria-sort]').textContent";
    assert_eq!(browser.text(sorted), "Status");
    for _ in 0..20 {
        if browser.text("document.activeElement.className") == "row" {
            break;
        }
        browser.press("Tab");
    }
    browser.press(" ");
    assert_eq!(browser.evaluate("document.querySelectorAll('#rows .details').length"), 1);
    assert_eq!(browser.text("document.activeElement.getAttribute('aria-expanded')"), "true");
    assert!(
        browser.text("document.querySelector('#rows .details').innerText").contains("Attempts")
    );
    browser.press(" ");
    assert_eq!(browser.evaluate("document.querySelectorAll('#rows .details').length"), 0);
}

/// Values that would act in a page that takes them for markup, script, style or a formula.
const HOSTILE: [&str; 6] = [
    "</script><script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "\"><svg onload=window.hit=1>",
    "{{ t }}{% raw %}",
    "<!--<script>",
    "constructor",
];

#[test]
fn hostile_values_in_every_column_are_shown_and_do_nothing() {
    let sandbox = Sandbox::new();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let header: Vec<String> = ["user", "user_name", "kind", "target", "account"]
        .into_iter()
        .chain(HOSTILE)
        .chain(["status", "code", "message", "request_id", "attempts", "finished_at"])
        .chain(["duplicate_of", "verified", "verified_at", "verified_note"])
        .map(quoted)
        .collect();
    let mut outcome = header.join(",") + "\n";
    for value in HOSTILE {
        let value = quoted(value);
        let cells = |count| vec![value.as_str(); count].join(",");
        let (before, after) = (cells(11), cells(4));
        let _ = writeln!(outcome, "{before},failed,{after},{value},{value},still,{value},{value}");
    }
    sandbox.file("residual.csv", {
        let columns = "instance_id,region,read_at,user,login,display,route,id,name,state,\
             valid_from,valid_until,reaches,note\n";
        HOSTILE.iter().fold(columns.to_owned(), |text, value| {
            text + &vec![quoted(value); 14].join(",") + "\n"
        })
    });
    for language in ["en", "zh"] {
        let page = page_of(&sandbox, &outcome, &["--lang", language]);
        let mut browser = Browser::start();
        browser.open(&page);
        browser.evaluate("document.querySelectorAll('#rows button.row').forEach(b => b.click())");
        assert_no_complaint(&browser);
        assert_eq!(browser.evaluate("window.hit === undefined"), true);
        assert_eq!(browser.evaluate("document.images.length"), 0);
        assert_eq!(browser.evaluate("document.querySelectorAll('[onload],[onerror]').length"), 0);
        for table in ["rows", "users", "routes"] {
            let shown = browser.text(&format!("document.querySelector('#{table}').textContent"));
            for value in HOSTILE {
                assert!(shown.contains(value), "{table}: {value}: {shown}");
            }
        }
    }
}

#[test]
fn characters_that_turn_or_hide_text_are_shown_as_escapes() {
    let sandbox = Sandbox::new();
    let row = "7,a\u{202e}b,host,1,2,\u{200b},revoked,,,r,1,2026-01-02T03:04:05Z,";
    let page = page_of(&sandbox, &format!("{HEADER}\n{row}\n"), &[]);
    let text = std::fs::read_to_string(page).expect("the page");
    assert!(text.contains(r"a\\u{202e}b") && text.contains(r"\\u{200b}"), "{text}");
    assert!(!text.contains(['\u{202e}', '\u{200b}']));
}

/// The checker of accessibility.
fn axe() -> String {
    let needs = "this test reads the script of axe-core-python";
    let code = "import axe_core_python, os; \
         print(open(os.path.join(os.path.dirname(axe_core_python.__file__), 'axe.min.js')).read())";
    run(Command::new(interpreter("accessibility")).args(["-c", code]), needs)
}

#[test]
fn a_checker_of_accessibility_finds_nothing_in_both_languages_and_colour_schemes() {
    let sandbox = Sandbox::new();
    let ended = run_with_page(&sandbox, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let axe = axe();
    let mut browser = Browser::start();
    let check = "axe.run().then(found => JSON.stringify(found.violations.map(v => \
         [v.id, v.impact, v.nodes.map(n => n.html + ' ' + n.failureSummary)])))";
    for language in ["en", "zh"] {
        let args = ["report", "--html", "report.html", "--lang", language];
        sandbox.ends(&args).expect(0, "");
        for scheme in ["light", "dark"] {
            browser.emulate("screen", scheme);
            browser.open(&sandbox.path("report.html"));
            browser.evaluate("document.querySelector('summary').click()");
            browser.evaluate("document.querySelector('#rows button.row').click()");
            browser.evaluate(&axe);
            assert_eq!(browser.text(check), "[]", "{language} {scheme}");
        }
    }
}

#[test]
fn the_page_follows_the_colour_scheme_and_prints_light_on_a4() {
    let sandbox = Sandbox::new();
    let mut outcome = format!("{HEADER}\n");
    for row in 0..1200 {
        let _ = writeln!(outcome, "7,,host,1,{row},,failed,,,r,1,2026-01-02T03:04:05Z,");
    }
    let page = page_of(&sandbox, &outcome, &[]);
    let mut browser = Browser::start();
    let mut back = |media: &str, scheme: &str| {
        browser.emulate(media, scheme);
        browser.open(&page);
        browser.text("getComputedStyle(document.body).backgroundColor")
    };
    assert_eq!(back("screen", "light"), "rgb(255, 255, 255)");
    assert_eq!(back("screen", "dark"), "rgb(13, 17, 23)");
    assert_eq!(back("print", "dark"), "rgb(255, 255, 255)");
    let hidden = "getComputedStyle(document.querySelector('#rows .controls')).display";
    assert_eq!(browser.text(hidden), "none");
    // Chromium does not repeat headings with buttons on each page.
    let heading = "getComputedStyle(document.querySelector('#rows .sort')).display";
    assert_eq!(browser.text(heading), "contents");
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))");
    let rows = "document.querySelectorAll('#rows tbody tr').length";
    assert_eq!(browser.evaluate(rows), 1000);
    let shown = browser.text("document.querySelector('#rows .shown').textContent");
    assert!(shown.starts_with("The first 1,000 of 1,200 rows are printed"), "{shown}");
    browser.evaluate("window.dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.evaluate(rows), 50);
    let params = serde_json::json!({ "preferCSSPageSize": true });
    let pdf = browser.call("Page.printToPDF", &params);
    let pdf = pdf["data"].as_str().expect("a document");
    assert!(pdf.starts_with("JVBERi0"), "it is a PDF");
}

#[test]
fn every_text_of_the_chinese_page_is_chinese() {
    let sandbox = Sandbox::new();
    let ended = run_with_page(&sandbox, &["--lang", "zh"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let mut browser = Browser::start();
    browser.open(&sandbox.path("report.html"));
    assert_eq!(browser.text("document.documentElement.lang"), "zh-CN");
    // Values of the run are isolated; they stay as they are.
    let texts = browser.text(
        "document.querySelectorAll('bdi, code, script, style, noscript').forEach(e => e.remove()); \
         document.querySelectorAll('option').forEach(e => { if (/^\\d+$/.test(e.textContent)) e.remove() }); \
         const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), all = []; \
         while (walker.nextNode()) all.push(walker.currentNode.data.trim()); \
         all.push(...[...document.querySelectorAll('[aria-label]')].map(e => e.getAttribute('aria-label'))); \
         all.filter(text => /[A-Za-z]{2}/.test(text) && !/[\\u4e00-\\u9fff]/.test(text)).join('\\n')",
    );
    let left: Vec<&str> = texts.lines().filter(|text| !text.starts_with("20")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn revoked_rows_above_the_limit_are_counted_and_all_others_are_listed() {
    let sandbox = Sandbox::new();
    let mut outcome = format!("{HEADER}\n");
    for row in 1..=100_500 {
        let status = if row % 1000 == 0 { "unknown" } else { "revoked" };
        let _ =
            writeln!(outcome, "{},,host,1,{row},,{status},,,r,1,2026-01-02T03:04:05Z,", row / 9);
    }
    let page = page_of(&sandbox, &outcome, &[]);
    let mut browser = Browser::start();
    browser.open(&page);
    let shown = "document.querySelector('#rows .shown').textContent";
    assert_eq!(browser.text(shown), "Rows 1 to 50 of 100");
    let notice = browser.text("document.querySelector('#rows .notice').textContent");
    assert!(
        notice.starts_with("500 rows whose access is gone are counted here and not"),
        "{notice}"
    );
    let search = "f = document.querySelector('#rows .filter'); f.value = ''; \
         f.dispatchEvent(new Event('change')); document.querySelector('#rows .sort').click(); \
         document.querySelector('#rows .sort').click(); 0";
    browser.evaluate(search);
    assert_eq!(browser.text(shown), "Rows 1 to 50 of 100,000");
    assert!(browser.text(FIRST_COLUMN).starts_with("100000 99999 99998 "));
    assert_no_complaint(&browser);
}

#[test]
fn only_an_earlier_report_is_replaced() {
    let sandbox = Sandbox::new();
    let outcome = format!("{HEADER}\n7,,host,1,2,,revoked,,,r,1,2026-01-02T03:04:05Z,\n");
    page_of(&sandbox, &outcome, &[]);
    page_of(&sandbox, &outcome, &["--lang", "zh"]);
    sandbox.file("notes.html", "<!doctype html>\nmine");
    let report = |html: &str| sandbox.ends(&["report", "--html", html]);
    report("notes.html").expect(2, "--html: notes.html exists and is not an earlier report");
    report("outcome.csv").expect(2, "--html outcome.csv is also the file of the outcome");
    report("x.ledger").expect(2, "--html x.ledger ends in .ledger");
    report("nowhere/x.html").expect(2, "the folder of the file must exist");
    assert_eq!(
        std::fs::read_to_string(sandbox.path("notes.html")).unwrap(),
        "<!doctype html>\nmine"
    );
    sandbox.file("list.csv", "user,host,account\n7,1,2\n");
    let rehearse = ["run", "list.csv", "--rehearse", "--html"];
    sandbox.ends(&[&rehearse[..], &["notes.html"]].concat()).expect(2, "not an earlier report");
    sandbox.ends(&[&rehearse[..], &["list.csv"]].concat()).expect(2, "is also an input");
    assert!(!sandbox.path("rehearsal.csv").exists(), "it is refused before anything is done");
    sandbox.ends(&[&rehearse[..], &["rehearsal.html"]].concat()).expect(0, "");
    let page = std::fs::read_to_string(sandbox.path("rehearsal.html")).expect("the page");
    assert!(
        page.contains("Nothing was really changed") && page.contains("would be gone"),
        "{page}"
    );
}

#[test]
fn a_file_that_is_no_outcome_is_refused_with_its_line() {
    let sandbox = Sandbox::new();
    let report = |content: &str| {
        sandbox.file("outcome.csv", content);
        sandbox.ends(&["report", "--html", "report.html"])
    };
    report("user,host\n7,1\n").expect(65, "outcome.csv, line 1: not an outcome");
    let rows = format!("{HEADER}\n7,,host,1,2,,revoked,,,r,1,,\n7,,host,1,2,,done,,,r,1,,\n");
    report(&rows).expect(65, "outcome.csv, line 3: not an outcome of this tool: unknown status");
    report(&format!("{HEADER}\n7\n")).expect(65, "outcome.csv, line 2: not an outcome");
    std::fs::remove_file(sandbox.path("outcome.csv")).unwrap();
    sandbox.ends(&["report", "--html", "report.html"]).expect(66, "give the --out of a run");
    assert!(!sandbox.path("report.html").exists());
}

#[test]
fn what_verify_found_is_shown_and_a_reading_before_the_last_revocation_does_not_count() {
    let sandbox = Sandbox::new();
    let mut outcome = format!("{HEADER},verified,verified_at,verified_note\n");
    let (before, at, after) =
        ("2026-01-02T03:04:04Z", "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z");
    for (account, verified, time) in [
        ("a", "gone", after),
        ("b", "still", after),
        ("c", "elsewhere", after),
        ("d", "unchecked", after),
        ("e", "gone", before),
    ] {
        let _ =
            writeln!(outcome, "7,,host,1,{account},,revoked,,,r,1,{at},,{verified},{time},note");
    }
    let mut browser = Browser::start();
    browser.open(&page_of(&sandbox, &outcome, &[]));
    let text = browser.text("document.body.innerText");
    for part in [
        "Access is gone for 1 of 5 rows",
        "Read back at 2026-01-02 03:04:06 UTC",
        "Rows 1 to 4 of 4",
        "The service still lists this access.",
        "A user group or an authorization rule gives this access.",
        "It could not be read back. Verify again.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(browser.text(FIRST_COLUMN), "2 3 4 5");
    let user =
        "[...document.querySelectorAll('#users tbody td')].map(c => c.textContent).join(' ')";
    assert_eq!(browser.text(user), "5 1 4 0 0 0 0 1 1 2");
}

#[test]
fn the_page_of_a_restore_speaks_of_restored_access() {
    let sandbox = Sandbox::new();
    let mut outcome = format!("{HEADER}\n");
    for status in ["restored", "already_present", "unknown"] {
        let _ = writeln!(outcome, "7,,host,1,2,,{status},,,r,1,2026-01-02T03:04:05Z,");
    }
    let mut browser = Browser::start();
    for (language, heading) in
        [("en", "Access is restored for 2 of 3 rows"), ("zh", "共 3 行，其中 2 行的访问权限已恢复")]
    {
        browser.open(&page_of(&sandbox, &outcome, &["--lang", language]));
        assert_eq!(browser.text("document.querySelector('h1').textContent"), heading);
        assert_eq!(browser.text(FIRST_COLUMN), "3");
        assert_no_complaint(&browser);
    }
}

#[test]
fn an_unknown_revocation_that_a_reading_finds_gone_is_gone() {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", "user,host,account\n7,1,2\n7,1,3\n");
    let rate = FaultRate { fault: Fault::ResetAfter, probability: 1.0 };
    let service =
        TestService::start(Settings { faults: Faults::new([rate]), ..Settings::default() });
    let more = ["--yes", "--max-attempts", "1"];
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
    Ended::of(&command.output().expect("it starts")).expect(1, "");
    let outcome = std::fs::read_to_string(sandbox.path("outcome.csv")).expect("the outcome");
    let read = |verified: &str| {
        let mut lines = outcome.lines();
        let header = lines.next().expect("a header");
        let rows: Vec<String> =
            lines.map(|row| format!("{row},{verified},2999-01-02T03:04:05Z,\n")).collect();
        let columns = "verified,verified_at,verified_note";
        let page = page_of(&sandbox, &format!("{header},{columns}\n{}", rows.concat()), &[]);
        std::fs::read_to_string(page).expect("the page")
    };
    assert!(read("gone").contains("Access is gone for all 2 rows"));
    assert!(read("unchecked").contains("Access is gone for 0 of 2 rows"));
}
