//! Archives with ticks, several pages and contents, accepted and rejected ones.

use restante_format::id::{Id, Kind};
use restante_format::limits::PAGE_MOMENTS;
use restante_format::model::{Snapshot, Timestamp};
use restante_format::wire::{Contents, PageEntry, encode_snapshot};

use super::maker::{Case, Item, Maker, with_found};
use super::objects::Bytes;
use super::parts::Parts;
use super::rejected::case;
use crate::pages::entry_of;

/// Seconds after the first snapshot.
fn at(secs: i64) -> Timestamp {
    Timestamp {
        secs: 1_790_000_000 + secs,
        nanos: 0,
    }
}

/// A state of a connector, with one file.
fn state(maker: &mut Maker, connector: &str, secs: i64) -> Snapshot {
    let items = [Item::file("state", format!("{connector} {secs}").as_bytes())];
    maker.state(&items, |snapshot| {
        snapshot.time = at(secs);
        snapshot.connector = Some(connector.into());
        snapshot.paths = vec![format!("/srv/{connector}").into_bytes()];
    })
}

fn seen(snapshot: &Snapshot, secs: impl IntoIterator<Item = i64>) -> PageEntry {
    let times: Vec<Timestamp> = secs.into_iter().map(at).collect();
    entry_of(snapshot, &times)
}

/// A segment of some objects.
fn segment_of(maker: &Maker, ids: &[Id]) -> Vec<u8> {
    let is_meant = |id: &Id| ids.contains(id);
    let objects = maker.objects.iter().filter(|(_, id, _)| is_meant(id)).cloned();
    maker.segment(&objects.collect::<Vec<_>>(), None)
}

fn data(maker: &Maker) -> Vec<u8> {
    let objects = maker.objects.iter().filter(|(kind, ..)| !kind.is_of_catalog());
    maker.segment(&objects.cloned().collect::<Vec<_>>(), None)
}

/// The files of an archive whose pages and contents are in segments as `segments` says.
fn accepted_case(maker: &Maker, name: &str, what: &str, segments: &[&[Id]]) -> Case {
    let mut all = vec![data(maker)];
    all.extend(segments.iter().map(|ids| segment_of(maker, ids)));
    maker.accepted(name, what, maker.files_of(&all))
}

/// All accepted cases.
pub(super) fn accepted() -> Vec<Case> {
    vec![
        ticks(),
        ticks_without_their_state(),
        merged(),
        without_contents(),
        equal_times(),
        moments_twice(),
        far_apart(),
        many_moments(),
    ]
}

/// As snapshots leave them: a state, and three ticks, a segment each.
fn ticks() -> Case {
    let mut maker = Maker::new("ticks");
    let state = state(&mut maker, "ms-mail", 0);
    let pages = [0, 60, 120, 185].map(|secs| maker.page(&[seen(&state, [secs])]));
    let segments = pages.each_ref().map(std::slice::from_ref);
    accepted_case(
        &maker,
        "ticks",
        "a state and three ticks of it, a segment each",
        &segments,
    )
}

/// When it was taken is forgotten, and one tick is of a time before (F-080).
fn ticks_without_their_state() -> Case {
    let mut maker = Maker::new("ticks-without-their-state");
    let state = state(&mut maker, "ms-mail", 0);
    let page = maker.page(&[seen(&state, [-60, 60, 120])]);
    let what = "ticks of a state that is no moment any more";
    accepted_case(&maker, "ticks-without-their-state", what, &[&[page]])
}

/// Three pages of two connectors, one behind the other, and of one state its ticks only: what it was taken at is forgotten.
fn three_pages(maker: &mut Maker) -> [Id; 3] {
    let [mail, notes] = ["ms-mail", "lotus-notes"].map(|name| state(maker, name, 0));
    let (changed, later) = (state(maker, "ms-mail", 240), state(maker, "ms-mail", 500));
    [
        maker.page(&[seen(&mail, [0, 60, 120, 180]), seen(&notes, [30, 90, 150])]),
        maker.page(&[seen(&notes, [210, 270, 331]), seen(&changed, [240, 300])]),
        maker.page(&[seen(&later, [560, 620, 621])]),
    ]
}

fn merged() -> Case {
    let mut maker = Maker::new("pages-with-contents");
    let [first, second, third] = three_pages(&mut maker);
    let contents = maker.contents(&[first, second, third]);
    // What was written since, in between and behind.
    let mail = state(&mut maker, "ms-mail", 310);
    let commits = [
        maker.page(&[seen(&mail, [310])]),
        maker.page(&[seen(&mail, [700])]),
    ];
    let what = "three pages with contents, and what was written since";
    let segments = [
        &[first, second, third, contents][..],
        &commits[..1],
        &commits[1..],
    ];
    accepted_case(&maker, "pages-with-contents", what, &segments)
}

fn without_contents() -> Case {
    let mut maker = Maker::new("pages-without-contents");
    let pages = three_pages(&mut maker);
    let what = "three pages in one segment without contents";
    accepted_case(&maker, "pages-without-contents", what, &[&pages])
}

/// The order at equal times is that of the ids, and it goes across pages that end and begin at one time.
fn equal_times() -> Case {
    let mut maker = Maker::new("pages-equal-times");
    let states: Vec<Snapshot> = (0..6)
        .map(|n| state(&mut maker, &format!("connector-{n}"), 0))
        .collect();
    let mut of = |which: &[usize]| {
        let entries: Vec<PageEntry> = which.iter().map(|n| seen(&states[*n], [60])).collect();
        maker.page(&entries)
    };
    let pages = [of(&[0, 3]), of(&[1, 4]), of(&[5, 2])];
    let contents = maker.contents(&pages);
    let [first, second, third] = pages;
    let what = "six ticks of one time in three pages";
    accepted_case(
        &maker,
        "pages-equal-times",
        what,
        &[&[first, second, third, contents]],
    )
}

fn moments_twice() -> Case {
    let mut maker = Maker::new("pages-twice");
    let mail = state(&mut maker, "ms-mail", 0);
    let pages = [
        maker.page(&[seen(&mail, [0, 60, 120])]),
        maker.page(&[seen(&mail, [60, 120, 180])]),
        maker.page(&[seen(&mail, [120]), seen(&mail, [120, 180])]),
    ];
    let what = "the same moments in several pages, and twice in one";
    let segments = pages.each_ref().map(std::slice::from_ref);
    accepted_case(&maker, "pages-twice", what, &segments)
}

fn far_apart() -> Case {
    let mut maker = Maker::new("pages-far-apart");
    let mail = state(&mut maker, "ms-mail", 0);
    let time = |secs, nanos| Timestamp { secs, nanos };
    let pages = [
        // The earliest and the latest times that there are, and the longest step that a page can hold.
        maker.page(&[entry_of(&mail, &[time(i64::MIN, 0), time(i64::MIN, 1)])]),
        maker.page(&[entry_of(
            &mail,
            &[time(-1, 999_999_999), time(9_223_372_035, 854_775_806)],
        )]),
        maker.page(&[entry_of(&mail, &[time(i64::MAX, 999_999_999)])]),
    ];
    let contents = maker.contents(&pages);
    let [first, second, third] = pages;
    let what = "ticks at the limits of time, before the snapshot and behind it";
    accepted_case(
        &maker,
        "pages-far-apart",
        what,
        &[&[first, second, third, contents]],
    )
}

fn many_moments() -> Case {
    let mut maker = Maker::new("pages-many-moments");
    let mail = state(&mut maker, "ms-mail", 0);
    let page = maker.page(&[seen(&mail, (0..1000).map(|n| 60 * n))]);
    let what = "a thousand ticks in a few bytes";
    let mut case = accepted_case(&maker, "pages-many-moments", what, &[&[page]]);
    // A case need not tell what every tick holds.
    if let Some(snapshots) = case.document["snapshots"].as_object_mut() {
        let last = snapshots.len() - 1;
        for (number, (_, paths)) in snapshots.iter_mut().enumerate() {
            if number > 0 && number < last {
                *paths = serde_json::Value::Null;
            }
        }
    }
    case
}

/// All rejected cases.
pub(super) fn rejected() -> Vec<Case> {
    let mut cases = broken_pages();
    cases.extend(broken_contents());
    cases
}

/// An archive with one good snapshot, and a page that is none.
fn broken_page(name: &str, why: &str, plain: &[u8]) -> Case {
    let mut maker = Maker::new("rejected");
    let good = state(&mut maker, "ms-mail", 0);
    maker.page(&[seen(&good, [0])]);
    maker.add(Kind::Page, plain);
    let mut case = case(name, "damaged", why, maker.files(None));
    case.document = with_found(case.document, &maker.found());
    case
}

// Section 9
fn broken_pages() -> Vec<Case> {
    let mut maker = Maker::new("rejected");
    let snapshot = encode_snapshot(&state(&mut maker, "lotus-notes", 0));
    let entry = |first: i64, steps: &[(i64, u64)]| {
        Bytes::default()
            .bytes(&snapshot)
            .int(first)
            .uint(0)
            .list(steps, |bytes, (change, count)| bytes.int(*change).uint(*count))
            .0
    };
    let page = |entries: &[Vec<u8>]| Bytes::default().list(entries, |bytes, entry| bytes.raw(entry)).0;
    let one = |first: i64, steps: &[(i64, u64)]| page(&[entry(first, steps)]);
    let no_snapshot = Bytes::default()
        .uint(1)
        .bytes(b"not a snapshot")
        .int(0)
        .uint(0)
        .uint(0)
        .0;
    let many = PAGE_MOMENTS as u64;
    let (half, more) = (entry(0, &[(1, many / 2)]), entry(0, &[(1, many / 2 - 1)]));
    vec![
        broken_page("page-undecodable", "section 9", b"not a page"),
        broken_page("page-of-nothing", "section 9", &page(&[])),
        broken_page("page-snapshot-undecodable", "section 9", &no_snapshot),
        broken_page("page-too-many-times", "F-088", &one(0, &[(1, many)])),
        broken_page("page-far-too-many-times", "F-088", &one(0, &[(1, u64::MAX)])),
        broken_page("page-too-many-times-in-all", "F-088", &page(&[half, more])),
        broken_page("page-time-twice", "F-083", &one(0, &[(0, 1)])),
        broken_page("page-times-descending", "F-083", &one(0, &[(5, 2), (-11, 1)])),
        broken_page("page-step-too-long", "F-083", &one(0, &[(i64::MAX, 2)])),
        broken_page(
            "page-time-too-late",
            "F-083",
            &one(i64::MAX, &[(1_000_000_000, 1)]),
        ),
    ]
}

/// Three pages with contents that are not theirs.
fn with_contents(name: &str, why: &str, change: impl FnOnce(&mut Contents)) -> Case {
    let (maker, pages, mut contents) = paged();
    change(&mut contents);
    of_contents(name, why, maker, &pages, &[contents.encode()])
}

fn paged() -> (Maker, [Id; 3], Contents) {
    let mut maker = Maker::new("rejected");
    let pages = three_pages(&mut maker);
    let contents = maker.contents_of(&pages);
    (maker, pages, contents)
}

/// The archive of these pages and contents. Without the contents, a reader finds everything.
fn of_contents(name: &str, why: &str, mut maker: Maker, pages: &[Id], contents: &[Vec<u8>]) -> Case {
    let mut ids = pages.to_vec();
    ids.extend(contents.iter().map(|plain| maker.add(Kind::Contents, plain)));
    let files = maker.files_of(&[data(&maker), segment_of(&maker, &ids)]);
    let mut case = case(name, "damaged", why, files);
    case.document = with_found(case.document, &maker.found());
    case
}

/// The same, but the reader can lose pages by it.
fn with_loss(mut case: Case) -> Case {
    if let Some(fields) = case.document.as_object_mut() {
        fields.remove("snapshots");
        fields.remove("moments");
    }
    case
}

// F-085 to F-087
fn broken_contents() -> Vec<Case> {
    let (maker, pages, contents) = paged();
    let mut other = contents.clone();
    other.series.reverse();
    let two = of_contents(
        "contents-twice",
        "F-085",
        maker,
        &pages,
        &[contents.encode(), other.encode()],
    );
    let (maker, pages, contents) = paged();
    let mut flipped = of_contents(
        "contents-flipped",
        "section 4: the block's check",
        maker,
        &pages,
        &[contents.encode()],
    );
    for (path, bytes) in &mut flipped.files {
        let Some(seal) = path.strip_prefix("archive/segments/") else {
            continue;
        };
        let parts = Parts::of(bytes);
        let encoded = contents.encode();
        let at = parts
            .blocks
            .windows(encoded.len())
            .position(|window| window == encoded);
        assert!(parts.path().ends_with(seal));
        if let Some(at) = at {
            bytes[parts.header.len() + at] ^= 0x20;
        }
    }
    let (maker, pages, _) = paged();
    let undecodable = of_contents(
        "contents-undecodable",
        "section 9",
        maker,
        &pages,
        &[b"x".to_vec()],
    );
    vec![
        two,
        flipped,
        undecodable,
        with_contents("contents-without-a-page", "F-085", |contents| {
            contents.pages.remove(1);
        }),
        with_contents("contents-of-another-page", "F-085", |contents| {
            contents.pages[1].id.0[0] ^= 1
        }),
        with_contents("contents-of-nothing", "F-085", |contents| contents.pages.clear()),
        with_contents("contents-unsorted", "section 9", |contents| {
            contents.pages.swap(0, 1)
        }),
        with_contents("contents-overlapping", "section 9", |contents| {
            contents.pages[0].last = contents.pages[1].last;
        }),
        with_contents("contents-moments-zero", "section 9", |contents| {
            contents.pages[2].moments = 0
        }),
        with_loss(with_contents("contents-other-first", "F-086", |contents| {
            contents.pages[1].first.secs -= 1;
        })),
        with_loss(with_contents("contents-other-last", "F-086", |contents| {
            contents.pages[1].last.nanos += 1;
        })),
        with_loss(with_contents("contents-other-count", "F-086", |contents| {
            contents.pages[1].moments += 1;
        })),
        with_contents("contents-without-a-series", "F-087", |contents| {
            contents.series.remove(0);
        }),
        with_contents("contents-other-series", "F-087", |contents| {
            contents.series[0].0.host.push('x');
        }),
        with_contents("contents-series-too-new", "F-087", |contents| {
            contents.series[0].1.secs += 1;
        }),
        with_contents("contents-series-too-old", "F-087", |contents| {
            contents.series[0].1.secs -= 1;
        }),
        with_contents("contents-series-twice", "F-087", |contents| {
            let first = contents.series[0].clone();
            contents.series.push(first);
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::page_of;

    // F-001: what is put together byte by byte above is what the library writes.
    #[test]
    fn pages_have_one_encoding() {
        let mut maker = Maker::new("encoding");
        let snapshot = state(&mut maker, "ms-mail", 0);
        let by_hand = Bytes::default()
            .uint(1)
            .bytes(&encode_snapshot(&snapshot))
            .int(at(0).secs)
            .uint(0)
            .list(
                &[(60_000_000_000, 1), (0, 2), (1_000_000_000, 1)],
                |bytes, (change, count)| bytes.int(*change).uint(*count),
            )
            .0;
        assert!(page_of(&[seen(&snapshot, [0, 60, 120, 180, 241])]) == by_hand);
    }
}
