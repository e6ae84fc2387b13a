//! Collects the names of a list, reads the listings that answer them, and records the answers.

use super::decide::decide;
use super::directory::Directory;
use super::listing_key::ListingKey;
use crate::input::{
    Field, InputError, NameQuery, Options, Reader, Resolutions, RowContent, Source, Syntax,
};
use futures_util::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The passes that names can need: objects first, then the accounts on them.
const MOST_PASSES: usize = 3;

/// Listings that are read at the same time. The directory bounds its calls by itself.
const LISTINGS_AT_ONCE: usize = 32;

/// How many listings have been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Read so far.
    pub done: usize,
    /// Known to be needed so far. The accounts of a target that is itself named are added later.
    pub total: usize,
}

/// Whether a row of the list needs a name looked up. Errors are left to the first pass.
pub fn has_names(sources: &[Source], options: &Options) -> bool {
    let options = Arc::new(Options { names: Some(Arc::default()), ..options.clone() });
    sources.iter().any(|source| {
        let mut reader = Reader::new(vec![source.clone()], Arc::clone(&options));
        while let Ok(Some(row)) = reader.next() {
            if matches!(row.content, RowContent::Unresolved(_)) {
                return true;
            }
            // The columns of a CSV file are the same in every row.
            let format = reader.formats().last();
            let is_name = |field: &Field| field.is_name() || *field == Field::AccountName;
            let may_have = format.is_some_and(|format| {
                format.syntax == Syntax::JsonLines
                    || format.fields.iter().any(|(field, _)| is_name(field))
            });
            if !may_have {
                return false;
            }
        }
        false
    })
}

/// How many listings answer these names.
pub fn listings(names: &Resolutions) -> usize {
    names.iter().map(|(query, _)| ListingKey::of(query)).collect::<BTreeSet<_>>().len()
}

/// The distinct names of the list that have no answer yet.
pub fn queries(
    sources: &[Source],
    options: &Arc<Options>,
) -> Result<BTreeSet<NameQuery>, InputError> {
    let mut queries = BTreeSet::new();
    let mut reader = Reader::new(sources.to_vec(), Arc::clone(options));
    while let Some(row) = reader.next()? {
        if let RowContent::Unresolved(missing) = row.content {
            for query in missing {
                if !queries.contains(query) {
                    queries.insert(query.clone());
                }
            }
        }
    }
    Ok(queries)
}

/// Looks up all names of the list: `options` with the answers. `progress` is called after each
/// listing. The same listing is read once, and up to 32 are read at the same time.
///
/// # Errors
///
/// The directory's error. An unreadable list is no error here: the first pass reports it.
pub async fn resolve<D: Directory>(
    sources: &[Source],
    options: &Options,
    directory: &D,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Options, D::Error> {
    let mut options = options.clone();
    let mut names = options.names.as_deref().cloned().unwrap_or_default();
    let mut done = 0;
    for _ in 0..MOST_PASSES {
        options.names = Some(Arc::new(names.clone()));
        let Ok(queries) = queries(sources, &Arc::new(options.clone())) else { break };
        if queries.is_empty() {
            break;
        }
        let mut listings: BTreeMap<ListingKey, Vec<NameQuery>> = BTreeMap::new();
        for query in queries {
            listings.entry(ListingKey::of(&query)).or_default().push(query);
        }
        let total = done + listings.len();
        let reads = listings.into_iter().map(async |(key, queries)| {
            let listing = directory.list(&key).await?;
            Ok((queries, listing))
        });
        let mut listed = stream::iter(reads).buffered(LISTINGS_AT_ONCE);
        while let Some(answer) = listed.next().await {
            let (queries, listing) = answer?;
            for query in queries {
                let answer = decide(&query, &listing);
                names.insert(query, answer);
            }
            done += 1;
            progress(Progress { done, total });
        }
    }
    options.names = Some(Arc::new(names));
    Ok(options)
}
