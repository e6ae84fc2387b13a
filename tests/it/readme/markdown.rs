//! What the tests need of a Markdown page: its headings, links and blocks of code.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// A block of code, and its words of information, such as `sh` or `console`.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) info: String,
    pub(crate) text: String,
}

/// A page as it is read.
#[derive(Debug, Default)]
pub(crate) struct Markdown {
    /// The anchor of each heading.
    pub(crate) anchors: Vec<String>,
    /// The same without numbers.
    headings: Vec<String>,
    /// The destination of each link and image.
    pub(crate) links: Vec<String>,
    pub(crate) blocks: Vec<Block>,
    /// All text in backticks, outside blocks.
    pub(crate) codes: Vec<String>,
}

impl Markdown {
    pub(crate) fn of(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        let mut block: Option<Block> = None;
        for event in Parser::new_ext(text, pulldown_cmark::Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let id = anchor(&heading.take().unwrap_or_default());
                    page.add_anchor(id);
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    block = Some(Block { info, text: String::new() });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Text(text) => match (&mut block, &mut heading) {
                    (Some(block), _) => block.text.push_str(&text),
                    (None, Some(heading)) => heading.push_str(&text),
                    (None, None) => {}
                },
                Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                    page.codes.push(text.into_string());
                }
                _ => {}
            }
        }
        page
    }

    /// A heading that occurs again gets a number, as in mdBook and on GitHub.
    fn add_anchor(&mut self, id: String) {
        let earlier = self.headings.iter().filter(|heading| **heading == id).count();
        self.anchors.push(if earlier == 0 { id.clone() } else { format!("{id}-{earlier}") });
        self.headings.push(id);
    }
}

/// The anchor of a heading: letters, digits, `-` and `_` in lower case, and `-` for blanks.
fn anchor(heading: &str) -> String {
    let letters = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ => letter.is_alphanumeric().then(|| letter.to_ascii_lowercase()),
    });
    letters.collect()
}

#[test]
fn anchors_links_and_blocks_are_found_also_in_lists_and_tables() {
    let page = Markdown::of(
        "# A `run`, B\n## A run b\n## C\n## C\n\n1. x\n\n   ```sh\n   a\n   ```\n\n| a |\n|---|\n| [b](c.md#d) |\n\n```text\n[no](link.md)\n```\n",
    );
    assert_eq!(page.anchors, ["a-run-b", "a-run-b-1", "c", "c-1"]);
    assert_eq!(page.links, ["c.md#d"]);
    assert_eq!(page.codes, ["run"]);
    let blocks: Vec<_> = page.blocks.iter().map(|b| (b.info.as_str(), b.text.as_str())).collect();
    assert_eq!(blocks, [("sh", "a\n"), ("text", "[no](link.md)\n")]);
}
