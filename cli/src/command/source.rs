//! What snapshots are of, whatever the roots of a connector were at the time.

use restante_format::model::Series;

use crate::show::{SeriesDocument, source_name};

/// A connector of a machine, or paths of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) connector: Option<String>,
    /// Those of a connector do not matter.
    pub(super) paths: Vec<Vec<u8>>,
    pub(super) host: String,
}

impl Source {
    pub(super) fn of_connector(host: &str, connector: &str) -> Self {
        Self {
            connector: Some(connector.to_owned()),
            paths: Vec::new(),
            host: host.to_owned(),
        }
    }

    pub(super) fn of(series: &Series) -> Self {
        match &series.connector {
            Some(connector) => Self::of_connector(&series.host, connector),
            None => Self {
                connector: None,
                paths: series.paths.clone(),
                host: series.host.clone(),
            },
        }
    }

    /// Whether a series is of it.
    pub(super) fn has(&self, series: &Series) -> bool {
        self.host == series.host
            && self.connector == series.connector
            && (self.connector.is_some() || self.paths == series.paths)
    }

    pub(super) fn name(&self) -> String {
        source_name(self.connector.as_deref(), &self.paths)
    }

    pub(super) fn document(&self) -> SeriesDocument<'_> {
        SeriesDocument::new(&self.host, self.connector.as_deref(), &self.paths)
    }
}

/// Whether sources are of more than one machine: then tables say which.
pub(super) fn are_of_many_hosts<'s>(sources: impl Iterator<Item = &'s Source>) -> bool {
    let mut hosts = sources.map(|source| &source.host);
    let first = hosts.next();
    hosts.any(|host| Some(host) != first)
}
