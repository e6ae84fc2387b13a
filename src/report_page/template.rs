//! Fills the template of the page.

use super::texts::{Language, Texts, fill, time};
use super::{FIRST_LINE, PageError};
use crate::input::escaped;
use crate::report::text::count;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Rest, Serde};
use minijinja::{Environment, Value, context, escape_formatter};
use sha2::{Digest, Sha256};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Where the blocks of rows go.
const BLOCKS: &str = "<!-- blocks -->";

/// The page before and after the blocks of rows.
pub(super) fn render(
    view: &serde_json::Value,
    texts: &Texts,
    language: Language,
) -> Result<(String, String), PageError> {
    let mut environment = Environment::new();
    // Every value that is written goes through here.
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &escaped(text).into()),
        _ => escape_formatter(out, state, value),
    });
    environment.add_filter("count", count);
    environment.add_filter("time", time);
    environment.add_filter("fill", |text: &str, values: Rest<Value>| {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        fill(text, &values.iter().map(String::as_str).collect::<Vec<_>>())
    });
    environment.add_template("page.html", TEMPLATE)?;
    let page = environment.get_template("page.html")?.render(context! {
        lang => language.tag(),
        t => Serde(&texts.page),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        policy => Value::from_safe_string(policy()),
        ..Serde(view)
    })?;
    debug_assert!(page.starts_with(FIRST_LINE));
    let (head, tail) = page.split_once(BLOCKS).unwrap_or((&page, ""));
    Ok((head.to_owned(), tail.to_owned()))
}

/// The content security policy: this script, this style, and nothing from elsewhere.
fn policy() -> String {
    let digest = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        digest(SCRIPT),
        digest(STYLE)
    )
}
