//! What the pages of a segment are about, so that few of them need be read (`spec/FORMAT.md`, section 9).

use super::codec::{Decode, Encode, from_compact, to_compact};
use super::tree::StoredTime;
use crate::error::Flaw;
use crate::id::Id;
use crate::limits::{CONNECTOR_BYTES, HOST_BYTES, PAGE_MOMENTS};
use crate::model::{Series, Timestamp};

/// The contents of the pages of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The pages, by time: none begins before the one in front of it ends.
    pub pages: Vec<PageNote>,
    /// The newest time of each series, in any order.
    pub series: Vec<(Series, Timestamp)>,
}

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageNote {
    /// The page.
    pub id: Id,
    /// Its oldest time.
    pub first: Timestamp,
    /// Its newest time.
    pub last: Timestamp,
    /// How many there are.
    pub moments: u64,
}

#[derive(Encode, Decode)]
struct StoredContents {
    pages: Vec<StoredNote>,
    series: Vec<StoredSeries>,
}

#[derive(Encode, Decode)]
struct StoredNote {
    id: [u8; 32],
    first: StoredTime,
    last: StoredTime,
    moments: u64,
}

#[derive(Encode, Decode)]
struct StoredSeries {
    host: String,
    connector: Option<String>,
    paths: Vec<Vec<u8>>,
    newest: StoredTime,
}

impl Contents {
    /// The plain bytes.
    pub fn encode(&self) -> Vec<u8> {
        let note = |note: &PageNote| StoredNote {
            id: note.id.0,
            first: note.first.into(),
            last: note.last.into(),
            moments: note.moments,
        };
        let series = |(series, newest): &(Series, Timestamp)| StoredSeries {
            host: series.host.clone(),
            connector: series.connector.clone(),
            paths: series.paths.clone(),
            newest: (*newest).into(),
        };
        to_compact(&StoredContents {
            pages: self.pages.iter().map(note).collect(),
            series: self.series.iter().map(series).collect(),
        })
    }

    /// The contents that `bytes` hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        const PART: &str = "contents";
        let stored: StoredContents = from_compact(PART, bytes)?;
        let mut pages: Vec<PageNote> = Vec::with_capacity(stored.pages.len());
        for note in stored.pages {
            let note = PageNote {
                id: Id(note.id),
                first: note.first.decode(PART, "time")?,
                last: note.last.decode(PART, "time")?,
                moments: note.moments,
            };
            if note.moments > PAGE_MOMENTS as u64 {
                return Err(Flaw::new(
                    PART,
                    "moments",
                    format!("are more than {PAGE_MOMENTS} in a page"),
                ));
            }
            let is_behind = pages.last().is_none_or(|before| before.last <= note.first);
            if !is_behind || note.first > note.last || note.moments == 0 {
                return Err(Flaw::new(PART, "pages", "are not in the order of their times"));
            }
            pages.push(note);
        }
        let series = |stored: StoredSeries| {
            let connector = stored.connector.as_deref().unwrap_or_default();
            if stored.host.len() > HOST_BYTES || connector.len() > CONNECTOR_BYTES {
                return Err(Flaw::new(PART, "series", "has a longer name than any snapshot"));
            }
            let series = Series {
                host: stored.host,
                connector: stored.connector,
                paths: stored.paths,
            };
            Ok((series, stored.newest.decode(PART, "time")?))
        };
        Ok(Self {
            pages,
            series: stored
                .series
                .into_iter()
                .map(series)
                .collect::<Result<_, Flaw>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        let time = |secs| Timestamp { secs, nanos: 0 };
        let note = |n, first, last| PageNote {
            id: Id([n; 32]),
            first: time(first),
            last: time(last),
            moments: 1,
        };
        let series = Series {
            host: "EXCH1".into(),
            connector: Some("ms-mail".into()),
            paths: vec![b"/mnt/Maildata".to_vec()],
        };
        Contents {
            pages: vec![note(1, 5, 9), note(2, 9, 9), note(3, 10, 12)],
            series: vec![(series, time(12))],
        }
    }

    #[test]
    fn round_trip() {
        assert_eq!(Contents::decode(&contents().encode()), Ok(contents()));
        assert_eq!(
            Contents::decode(&Contents::default().encode()),
            Ok(Contents::default())
        );
    }

    #[test]
    fn pages_are_in_order() {
        type Change = fn(&mut Contents);
        let changes: [Change; 5] = [
            |c| c.pages.swap(0, 2),
            |c| c.pages[2].first.secs = 8,
            |c| c.pages[0].first.secs = 10,
            |c| c.pages[1].moments = 0,
            |c| c.pages[1].moments = 65_537,
        ];
        for change in changes {
            let mut changed = contents();
            change(&mut changed);
            assert!(Contents::decode(&changed.encode()).is_err(), "{changed:?}");
        }
    }
}
