//! What snapshots are of, and paths in them, as people and scripts are told.

use restante_format::catalog::Moment;
use restante_format::model::{Series, Snapshot, display_bytes};
use serde::Serialize;

use super::{json_path, path_bytes, rfc3339};

/// What people call a source: its connector, or its paths.
pub(crate) fn source_name(connector: Option<&str>, paths: &[Vec<u8>]) -> String {
    match connector {
        Some(connector) => connector.to_owned(),
        None => {
            let paths: Vec<String> = paths.iter().map(|path| display_bytes(path)).collect();
            paths.join(" ")
        }
    }
}

/// What snapshots are of, as scripts get it.
#[derive(Serialize)]
pub(crate) struct SeriesDocument<'a> {
    host: &'a str,
    connector: Option<&'a str>,
    paths: Vec<String>,
}

impl<'a> SeriesDocument<'a> {
    pub(crate) fn new(host: &'a str, connector: Option<&'a str>, paths: &[Vec<u8>]) -> Self {
        Self {
            host,
            connector,
            paths: paths.iter().map(|path| json_path(path)).collect(),
        }
    }
}

impl<'a> From<&'a Series> for SeriesDocument<'a> {
    fn from(series: &'a Series) -> Self {
        Self::new(&series.host, series.connector.as_deref(), &series.paths)
    }
}

impl<'a> From<&'a Snapshot> for SeriesDocument<'a> {
    fn from(snapshot: &'a Snapshot) -> Self {
        Self::new(&snapshot.host, snapshot.connector.as_deref(), &snapshot.paths)
    }
}

/// A path, as scripts get it.
#[derive(Serialize)]
pub(crate) struct PathDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
}

impl PathDocument {
    pub(crate) fn new(path: &[u8]) -> Self {
        Self {
            path: json_path(path),
            path_bytes: path_bytes(path),
        }
    }
}

/// The first and the last snapshot that show something, as scripts get them.
#[derive(Serialize)]
pub(crate) struct SeenDocument {
    first: String,
    last: String,
    first_snapshot: String,
    last_snapshot: String,
}

impl SeenDocument {
    pub(crate) fn new(first: &Moment, last: &Moment) -> Self {
        Self {
            first: rfc3339(first.time),
            last: rfc3339(last.time),
            first_snapshot: first.id().to_string(),
            last_snapshot: last.id().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_the_name_of_their_connector_or_their_paths() {
        let paths = [b"/etc".to_vec(), b"/a\xff\n".to_vec()];
        assert_eq!(source_name(Some("ms-mail"), &paths), "ms-mail");
        assert_eq!(source_name(None, &paths), "/etc /a\\xff\\n");
        let document = SeriesDocument::new("EXCH1", None, &[b"/a\n".to_vec(), b"/\xff".to_vec()]);
        let text = serde_json::to_string(&document).expect("JSON");
        // What is text is for JSON to escape.
        assert_eq!(
            text,
            r#"{"host":"EXCH1","connector":null,"paths":["/a\n","/\\xff"]}"#
        );
    }
}
