//! Groups of none and of one, equal and impossible times, clocks that were wrong.

use jiff::tz::TimeZone;
use restante_format::model::Timestamp;

use super::{NEVER, Shot, at, decide, policy, reasons, shot, zone};
use crate::retention::Verdict;

fn kept(verdicts: &[Verdict]) -> Vec<bool> {
    verdicts.iter().map(|verdict| verdict.is_kept()).collect()
}

#[test]
fn of_none_none_is_kept_and_of_one_that_one() {
    for text in [
        "last=1",
        "daily=5",
        "yearly=unlimited",
        "within=1s",
        "within-weekly=1y",
        "changes",
    ] {
        let policy = policy(text);
        assert_eq!(kept(&decide(&policy, &TimeZone::UTC, NEVER, &[])), [false; 0]);
        assert_eq!(
            kept(&decide(&policy, &TimeZone::UTC, NEVER, &[shot(-5, 0)])),
            [true],
            "{text}"
        );
    }
}

#[test]
fn a_policy_that_keeps_nothing_is_known_beforehand_and_one_that_finds_nothing_afterwards() {
    for text in ["", "last=0", "hourly=0 yearly=0"] {
        let policy = policy(text);
        assert!(policy.would_remove_all(), "{text}");
        assert_eq!(
            kept(&decide(&policy, &TimeZone::UTC, NEVER, &[shot(0, 0)])),
            [false]
        );
    }
    for text in [
        "last=0 weekly=1",
        "within=1s",
        "within-daily=1s",
        "changes",
        "yearly=unlimited",
    ] {
        assert!(!policy(text).would_remove_all(), "{text}");
    }
    // Here `decide` sees that the walk says so.
    let tagged = policy("tags=audit");
    assert!(!tagged.would_remove_all());
    assert_eq!(
        kept(&decide(&tagged, &TimeZone::UTC, NEVER, &[shot(0, 0)])),
        [false]
    );
}

#[test]
fn a_count_of_nothing_says_nothing_about_the_oldest() {
    let shots = [shot(86_400, 0), shot(0, 0)];
    assert_eq!(
        kept(&decide(&policy("daily=0 last=1"), &TimeZone::UTC, NEVER, &shots)),
        [true, false]
    );
}

#[test]
fn of_equal_times_the_first_is_the_newest() {
    let shots = [shot(60, 3), shot(60, 2), shot(60, 1), shot(0, 0)];
    let decided = |text| kept(&decide(&policy(text), &TimeZone::UTC, NEVER, &shots));
    assert_eq!(decided("last=2"), [true, true, false, false]);
    assert_eq!(decided("minutely=2"), [true, false, false, true]);
    assert_eq!(decided("minutely=1"), [true, false, false, false]);
    assert_eq!(decided("within=59s"), [true, true, true, false]);
    // Exactly as old as the time.
    assert_eq!(decided("within=60s"), [true; 4]);
}

#[test]
fn the_oldest_is_kept_while_a_rule_has_something_left() {
    let days: Vec<Shot> = (0..40).rev().map(|day| shot(day * 86_400, 0)).collect();
    let kept_at = |text| {
        let verdicts = decide(&policy(text), &TimeZone::UTC, NEVER, &days);
        let kept = verdicts
            .iter()
            .zip(&days)
            .filter(|(verdict, _)| verdict.is_kept());
        kept.map(|(_, shot)| shot.time.secs / 86_400).collect::<Vec<_>>()
    };
    // From the 1st of January to the 9th of February 1970.
    assert_eq!(kept_at("monthly=12"), [39, 30, 0]);
    assert_eq!(kept_at("monthly=3"), [39, 30, 0]);
    assert_eq!(kept_at("monthly=2"), [39, 30]);
    assert_eq!(kept_at("within-monthly=1y"), [39, 30, 0]);
    assert_eq!(kept_at("within-monthly=1mo"), [39, 30]);
    assert_eq!(kept_at("last=3"), [39, 38, 37]);
}

#[test]
fn times_before_1970_have_days_too() {
    let shots = [
        shot(1, 0),
        shot(0, 0),
        shot(-1, 0),
        shot(-86_400, 0),
        shot(-86_401, 0),
        shot(-200_000, 0),
    ];
    assert_eq!(
        kept(&decide(&policy("daily=3"), &TimeZone::UTC, NEVER, &shots)),
        [true, false, true, false, true, false]
    );
}

#[test]
fn times_that_no_calendar_has_are_decided_on_too() {
    let mut shots = vec![
        shot(i64::MAX, 0),
        shot(i64::MAX - 1, 0),
        shot(0, 0),
        shot(i64::MIN, 0),
    ];
    shots[0].time.nanos = u32::MAX;
    let text = "minutely=9 hourly=9 daily=9 weekly=9 monthly=9 yearly=9 within=900y within-daily=2d";
    for name in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
        for now in [
            NEVER,
            Timestamp {
                secs: i64::MIN,
                nanos: 0,
            },
            Timestamp { secs: 0, nanos: 0 },
        ] {
            let decided = decide(&policy(text), &zone(name), now, &shots);
            assert_eq!(kept(&decided)[2..], [true, true], "{name}");
        }
        assert!(
            reasons(&policy(text), &zone(name), &shots)
                .iter()
                .all(|r| r.len() < 20)
        );
    }
}

#[test]
fn what_a_wrong_clock_took_in_the_future_does_not_make_the_rest_old() {
    let day = 86_400;
    let now = Timestamp {
        secs: 100 * day,
        nanos: 0,
    };
    let shots = [
        shot(40_000 * day, 0),
        shot(90 * day, 0),
        shot(88 * day, 0),
        shot(87 * day, 0),
    ];
    assert_eq!(
        kept(&decide(&policy("within=2d"), &TimeZone::UTC, now, &shots)),
        [true, true, true, false]
    );
    // Were it not from the future, the others would be old.
    assert_eq!(
        kept(&decide(&policy("within=2d"), &TimeZone::UTC, NEVER, &shots)),
        [true, false, false, false]
    );
    // The clock that is wrong may be the one that says `now`: then all are in the future.
    let never = Timestamp { secs: 0, nanos: 0 };
    assert_eq!(
        kept(&decide(&policy("within=2d"), &TimeZone::UTC, never, &shots)),
        [true; 4]
    );
}

#[test]
fn tags_are_lists_of_which_one_must_be_there_as_a_whole() {
    let tagged = |tags: &[&str]| Shot {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..shot(0, 0)
    };
    let shots = [
        tagged(&["a", "b", "c"]),
        tagged(&["b"]),
        tagged(&["a"]),
        tagged(&["c"]),
        tagged(&[]),
    ];
    assert_eq!(
        kept(&decide(&policy("tags=a,b tags=c"), &TimeZone::UTC, NEVER, &shots)),
        [true, false, false, true, false]
    );
}

/// From 02:00 to 03:00 clocks in Berlin show twice; days are those of midnight to midnight, whatever their length.
#[test]
fn hours_are_those_of_clocks_and_days_those_of_dates() {
    let berlin = zone("Europe/Berlin");
    let shots = [
        at("2025-10-27T00:00+01[Europe/Berlin]"),
        at("2025-10-26T23:59+01[Europe/Berlin]"),
        at("2025-10-26T02:30+01[Europe/Berlin]"),
        at("2025-10-26T02:30+02[Europe/Berlin]"),
        at("2025-10-26T00:00+02[Europe/Berlin]"),
        at("2025-10-25T23:59+02[Europe/Berlin]"),
    ];
    let decided = |text| kept(&decide(&policy(text), &berlin, NEVER, &shots));
    assert_eq!(decided("hourly=4"), [true, true, true, true, false, false]);
    assert_eq!(decided("daily=3"), [true, true, false, false, false, true]);
    // One day before midnight is the midnight before, 25 hours earlier.
    assert_eq!(decided("within=1d"), [true, true, true, true, true, false]);
    assert_eq!(decided("within=24h"), [true, true, true, true, false, false]);
}
