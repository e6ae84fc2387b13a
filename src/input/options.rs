//! How inputs are read.

use std::sync::Arc;

use crate::model::Status;

use super::encoding::Encoding;
use super::fields::Field;
use super::resolution::Resolutions;

/// How inputs are read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bastion host of rows that name none.
    pub default_instance_id: Option<String>,
    /// The region of rows that name none.
    pub default_region: String,
    /// `--map`: which column holds a field. It takes precedence over any automatic match. A blank
    /// column means that no column holds the field.
    pub map: Vec<(Field, String)>,
    /// `--encoding`: the encoding, instead of the detected one.
    pub encoding: Option<Encoding>,
    /// The ids of names. `None`: columns of names are not read, only carried. Rows whose names are
    /// not among them are [`super::RowContent::Unresolved`].
    pub names: Option<Arc<Resolutions>>,
    /// `--only`: rows of an outcome with any other status are carried over without being parsed.
    pub only: Option<Vec<Status>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_instance_id: None,
            default_region: "cn-hangzhou".to_owned(),
            map: Vec::new(),
            encoding: None,
            names: None,
            only: None,
        }
    }
}
