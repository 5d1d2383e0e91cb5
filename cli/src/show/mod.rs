//! What people and scripts see: sizes, times, tables, JSON.

mod format;
mod output;
mod progress;
mod series;
mod table;

pub(crate) use format::{
    count, duration, in_zone, json_path, local_time, path_bytes, plural, quoted, rfc3339, size,
};
pub(crate) use output::{Output, report, warn};
pub(crate) use progress::with_progress;
pub(crate) use series::{PathDocument, SeenDocument, SeriesDocument, source_name};
pub(crate) use table::{Align, TABLE_ROWS, Table};
