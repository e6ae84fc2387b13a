//! The texts of the page.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The tag of the language for HTML.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }
}

type Group = BTreeMap<String, String>;

/// All texts of one language, in groups. `{0}` stands for the first value, and so on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texts {
    /// Texts of the template.
    pub(super) page: Group,
    /// Texts of the script.
    pub(super) script: Group,
    /// By status.
    pub(super) status: Group,
    /// The meaning of a status.
    pub(super) meaning: Group,
    /// By `verified`.
    pub(super) verified: Group,
    /// By action: what to do.
    pub(super) action: Group,
    /// By exit code.
    pub(super) exit: Group,
    /// Columns of tables.
    pub(super) column: Group,
    /// Users and user groups.
    pub(super) grantee: Group,
    /// By kind of route.
    pub(super) route: Group,
    /// By kind of step of an offboarding.
    pub(super) step: Group,
    /// By state of such a step.
    pub(super) step_state: Group,
    /// Facts of the run.
    pub(super) fact: Group,
    /// Texts of a restore in place of others, by group and key: `page.all_done`.
    restore: Group,
}

impl Texts {
    /// A group in which a restore has texts of its own.
    fn group(&mut self, name: &str) -> Option<&mut Group> {
        match name {
            "page" => Some(&mut self.page),
            "meaning" => Some(&mut self.meaning),
            "action" => Some(&mut self.action),
            "column" => Some(&mut self.column),
            "exit" => Some(&mut self.exit),
            _ => None,
        }
    }

    /// A text of the page with its values.
    pub(super) fn page(&self, key: &str, values: &[&str]) -> String {
        fill(of(&self.page, key), values)
    }
}

/// A text of a group; the key itself if there is none, so that nothing is blank.
pub(super) fn of<'t>(group: &'t Group, key: &'t str) -> &'t str {
    debug_assert!(group.contains_key(key), "no text {key}");
    group.get(key).map_or(key, String::as_str)
}

/// A text with its values in place of `{0}`, `{1}` and so on.
pub(super) fn fill(text: &str, values: &[&str]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (place, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(place.parse().ok().and_then(|at: usize| values.get(at)).unwrap_or(&""));
        rest = after;
    }
    filled + rest
}

/// `2026-01-02T03:04:05Z` as people read it.
pub(super) fn time(text: &str) -> String {
    match text.strip_suffix('Z').and_then(|text| text.split_once('T')) {
        Some((date, time)) => format!("{date} {time} UTC"),
        None => text.to_owned(),
    }
}

#[expect(clippy::expect_used, reason = "the files are part of the program, and tests read them")]
fn parsed(json: &str) -> Texts {
    serde_json::from_str(json).expect("the texts of the page are valid")
}

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| parsed(include_str!("en.json")));
static CHINESE: LazyLock<Texts> = LazyLock::new(|| parsed(include_str!("zh.json")));

/// The texts of a language, for the page of a run or of a restore.
pub(super) fn of_language(language: Language, is_restore: bool) -> Texts {
    let mut texts = match language {
        Language::English => ENGLISH.clone(),
        Language::Chinese => CHINESE.clone(),
    };
    if is_restore {
        for (path, text) in std::mem::take(&mut texts.restore) {
            let (group, key) = path.split_once('.').unwrap_or_default();
            if let Some(old) = texts.group(group).and_then(|group| group.get_mut(key)) {
                *old = text;
            }
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::model::Status;
    use crate::report_page::remedy::Remedy;
    use crate::report_page::verified::Verified;

    type Flat = BTreeMap<String, String>;

    fn flat(json: &str) -> Flat {
        let groups: BTreeMap<String, Group> = serde_json::from_str(json).unwrap();
        let each = groups.into_iter().flat_map(|(group, texts)| {
            texts.into_iter().map(move |(key, text)| (format!("{group}.{key}"), text))
        });
        each.collect()
    }

    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<&str> =
            text.split('{').skip(1).filter_map(|p| p.split('}').next()).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_values() {
        let (english, chinese) = (flat(include_str!("en.json")), flat(include_str!("zh.json")));
        assert_eq!(english.keys().collect::<Vec<_>>(), chinese.keys().collect::<Vec<_>>());
        for (key, text) in &english {
            assert_eq!(places(text), places(&chinese[key]), "{key}");
            let is_translated =
                chinese[key].chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(is_translated || text == "SHA-256", "{key} is not translated");
            assert!(text.is_ascii(), "{key}: {text}");
        }
    }

    #[test]
    fn every_value_that_the_page_can_show_has_a_text() {
        for language in [Language::English, Language::Chinese] {
            let texts = of_language(language, false);
            for status in Status::ALL {
                assert!(texts.status.contains_key(status.name()), "{status}");
                assert!(texts.meaning.contains_key(status.name()), "{status}");
            }
            for verified in Verified::ALL {
                assert!(texts.verified.contains_key(verified.name()), "{verified:?}");
            }
            for action in Remedy::ALL {
                assert!(texts.action.contains_key(action.name()), "{action:?}");
            }
            for exit in (0..=u8::MAX).filter_map(Exit::from_code) {
                assert!(texts.exit.contains_key(&exit.code().to_string()), "{exit:?}");
            }
        }
    }

    #[test]
    fn a_restore_has_texts_of_its_own_in_place_of_existing_ones() {
        for language in [Language::English, Language::Chinese] {
            let (run, restore) = (of_language(language, false), of_language(language, true));
            assert_ne!(run.page["all_done"], restore.page["all_done"]);
            for path in run.restore.keys() {
                let (group, key) = path.split_once('.').unwrap();
                let replaced =
                    run.clone().group(group).is_some_and(|texts| texts.contains_key(key));
                assert!(replaced, "{path}");
            }
        }
    }

    #[test]
    fn a_value_is_not_taken_for_a_place() {
        assert_eq!(fill("{0} of {1}", &["{1}", "{0}"]), "{1} of {0}");
        assert_eq!(fill("{2}{", &["a"]), "");
    }
}
