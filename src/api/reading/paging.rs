//! Complete listings: all pages of a list operation, checked against the total.
//!
//! A listing is complete only if the number of distinct ids equals a total that stayed the same
//! over its pages. The list is live and paged by number, so a change between two pages skips or
//! repeats items. Then it is read again, at most [`MOST_READS`] times.

use super::fields;
use super::reader::Reader;
use crate::api::caller::CallError;
use crate::api::transport::Transport;
use crate::api::tree::Branch;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Items asked for in one page: the most that the API documents. The service may return fewer.
const PAGE_SIZE: &str = "100";

/// The most pages of a listing.
const MOST_PAGES: usize = 10_000;

/// How often a listing is read that is inconsistent.
pub(super) const MOST_READS: usize = 3;

/// The keys are refused: no read can succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// The result of a list operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing<T> {
    /// Every item, each once.
    Complete(Vec<T>),
    /// Some items. Others may be missing.
    Incomplete {
        /// The items that were read.
        items: Vec<T>,
        /// Why the listing is not complete.
        reason: String,
    },
    /// Nothing was read, for this reason. It does not mean that there is nothing.
    NotChecked(String),
}

impl<T> Listing<T> {
    /// The items that were read, complete or not.
    pub fn items(&self) -> &[T] {
        match self {
            Self::Complete(items) | Self::Incomplete { items, .. } => items,
            Self::NotChecked(_) => &[],
        }
    }

    /// The items, if there can be no others.
    pub fn complete(&self) -> Option<&[T]> {
        if let Self::Complete(items) = self { Some(items) } else { None }
    }

    fn into_items(self) -> Vec<T> {
        match self {
            Self::Complete(items) | Self::Incomplete { items, .. } => items,
            Self::NotChecked(_) => Vec::new(),
        }
    }

    /// Why the listing is not complete.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Complete(_) => None,
            Self::Incomplete { reason, .. } | Self::NotChecked(reason) => Some(reason),
        }
    }
}

/// The result of reading one object by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The object.
    Found(T),
    /// The service says that there is none.
    NotFound,
    /// It could not be read, for this reason.
    NotChecked(String),
}

/// An item of a list operation.
pub(super) trait Item: Sized + Send + Serialize + DeserializeOwned {
    /// The member of the answer that holds the items.
    const LIST: &'static str;
    /// The member that holds their total.
    const TOTAL: &'static str = "TotalCount";

    /// Decodes an item; one without an id is not counted.
    fn decode(item: Branch<'_>) -> Option<Self>;

    /// The id that makes the item distinct.
    fn id(&self) -> &str;

    /// The id of the object that the item belongs to, where the answer names it.
    fn owner(&self) -> Option<&str> {
        None
    }

    /// Adds what another listing says of the same item.
    fn merge(&mut self, _other: Self) {}
}

/// Two listings as one, each item once. It is complete only if both are.
pub(super) fn union<I: Item>(one: Listing<I>, other: Listing<I>) -> Listing<I> {
    if let (Listing::NotChecked(_), Listing::NotChecked(_)) = (&one, &other) {
        return one;
    }
    let reason = one.reason().or(other.reason()).map(str::to_owned);
    let mut found: BTreeMap<String, I> = BTreeMap::new();
    for item in one.into_items().into_iter().chain(other.into_items()) {
        match found.entry(item.id().to_owned()) {
            Entry::Vacant(place) => {
                place.insert(item);
            }
            Entry::Occupied(mut known) => known.get_mut().merge(item),
        }
    }
    let items = found.into_values().collect();
    match reason {
        None => Listing::Complete(items),
        Some(reason) => Listing::Incomplete { items, reason },
    }
}

/// A list operation and its parameters besides the common and paging ones.
pub(super) struct Query<'a> {
    pub(super) action: &'static str,
    pub(super) parameters: Vec<(&'static str, &'a str)>,
    /// The id of the object that all items must belong to. Blank: any.
    pub(super) owner: &'a str,
    /// Whether the operation takes a `ProjectId`.
    has_projects: bool,
}

impl<'a> Query<'a> {
    /// Leaves out parameters with a blank value.
    pub(super) fn new(
        action: &'static str,
        parameters: impl IntoIterator<Item = (&'static str, &'a str)>,
    ) -> Self {
        let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
        Self { action, parameters: given.collect(), owner: "", has_projects: false }
    }

    pub(super) fn of(self, owner: &'a str) -> Self {
        Self { owner, ..self }
    }

    /// The operation takes a `ProjectId`: the objects of the reader's projects are listed, too.
    pub(super) fn in_projects(self) -> Self {
        Self { has_projects: true, ..self }
    }
}

struct Page<I> {
    total: Option<i64>,
    items: Vec<I>,
}

fn page<I: Item>(answer: Branch<'_>) -> Page<I> {
    let mut items = Vec::new();
    answer.each(I::LIST, &mut |item| items.extend(I::decode(item)));
    Page { total: fields::number(answer, I::TOTAL), items }
}

impl<T: Transport> Reader<T> {
    /// Reads a list completely, or says why it is not complete. Whether a list without `ProjectId`
    /// holds the objects of all projects is not documented, so it is read without it and for each
    /// of the reader's projects.
    pub(super) async fn list<I: Item>(&self, query: &Query<'_>) -> Result<Listing<I>, ReadError> {
        let mut all = self.list_of_project(query).await?;
        for project in self.projects_of(query.has_projects) {
            let mut parameters = query.parameters.clone();
            parameters.push(("ProjectId", project));
            let more = self.list_of_project(&Query { parameters, ..*query }).await?;
            all = union(all, more);
        }
        Ok(all)
    }

    async fn list_of_project<I: Item>(&self, query: &Query<'_>) -> Result<Listing<I>, ReadError> {
        if let Some(items) = self.kept(query.action, &query.parameters) {
            return Ok(Listing::Complete(items));
        }
        let mut incomplete = Listing::NotChecked(String::new());
        for _ in 0..MOST_READS {
            incomplete = match self.list_once(query).await? {
                Listing::Incomplete { items, reason } => {
                    Listing::Incomplete { items, reason: format!("{}: {reason}", query.action) }
                }
                Listing::NotChecked(reason) => {
                    return Ok(Listing::NotChecked(format!("{}: {reason}", query.action)));
                }
                Listing::Complete(items) => {
                    self.keep(query.action, &query.parameters, &items);
                    return Ok(Listing::Complete(items));
                }
            };
        }
        Ok(incomplete)
    }

    async fn list_once<I: Item>(&self, query: &Query<'_>) -> Result<Listing<I>, ReadError> {
        let mut found: BTreeMap<String, I> = BTreeMap::new();
        let mut expected = None;
        let mut reason = format!("more than {MOST_PAGES} pages");
        for number in 1..=MOST_PAGES {
            let number = number.to_string();
            let mut parameters = query.parameters.clone();
            parameters.extend([("PageNumber", number.as_str()), ("PageSize", PAGE_SIZE)]);
            let page = match self.call(query.action, &parameters, &page::<I>).await {
                Ok(page) => page,
                Err(CallError::Credentials(why)) => return Err(ReadError(why)),
                Err(error) if found.is_empty() => {
                    return Ok(Listing::NotChecked(error.to_string()));
                }
                Err(error) => {
                    reason = format!("page {number}: {error}");
                    break;
                }
            };
            let Some(total) = page.total.and_then(|total| usize::try_from(total).ok()) else {
                reason = format!("page {number} has no {}", I::TOTAL);
                break;
            };
            let is_changed = expected.is_some_and(|expected| expected != total);
            expected = Some(total);
            let is_empty = page.items.is_empty();
            let is_foreign = |item: &I| {
                !query.owner.is_empty() && item.owner().is_some_and(|owner| owner != query.owner)
            };
            let is_mixed = page.items.iter().any(is_foreign);
            let own = page.items.into_iter().filter(|item| !is_foreign(item));
            found.extend(own.map(|item| (item.id().to_owned(), item)));
            if is_mixed {
                reason = format!("page {number} holds items of another object");
                break;
            }
            if is_changed {
                reason = format!("{} changed while it was read", I::TOTAL);
                break;
            }
            if found.len() == total {
                return Ok(Listing::Complete(found.into_values().collect()));
            }
            if is_empty || found.len() > total {
                reason = format!("{} of {total} items were read", found.len());
                break;
            }
        }
        Ok(Listing::Incomplete { items: found.into_values().collect(), reason })
    }

    /// Reads one object. `decode` returns `Err` for an answer that does not hold it.
    pub(super) async fn look_up<R: Send + Serialize + DeserializeOwned>(
        &self,
        action: &'static str,
        parameters: &[(&'static str, &str)],
        decode: &(impl Fn(Branch<'_>) -> Result<R, String> + Sync),
    ) -> Result<Lookup<R>, ReadError> {
        if let Some(found) = self.kept(action, parameters) {
            return Ok(Lookup::Found(found));
        }
        match self.call(action, parameters, decode).await {
            Ok(Ok(found)) => {
                self.keep(action, parameters, &found);
                Ok(Lookup::Found(found))
            }
            Ok(Err(reason)) => Ok(Lookup::NotChecked(format!("{action}: {reason}"))),
            Err(CallError::Credentials(why)) => Err(ReadError(why)),
            Err(error) if error.is_not_found() => Ok(Lookup::NotFound),
            Err(error) => Ok(Lookup::NotChecked(format!("{action}: {error}"))),
        }
    }
}
