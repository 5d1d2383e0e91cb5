//! Years of minutes, in zones whose clocks do odd things.

use jiff::ToSpan;
use jiff::tz::TimeZone;
use restante_format::model::Timestamp;

use super::reference::Reference;
use super::{NEVER, Shot, decide, policy, shot, zone};
use crate::retention::{Rule, Unit};

/// What policies are tried on every year: every rule alone, and some together.
const POLICIES: &[&str] = &[
    "last=1000",
    "minutely=1500",
    "hourly=500",
    "daily=100",
    "weekly=20",
    "monthly=7",
    "yearly=1",
    "hourly=1000000",
    "daily=366",
    "weekly=54",
    "monthly=13",
    "yearly=3",
    "within=2d",
    "within-minutely=1w",
    "within-hourly=90d12h",
    "within-daily=6mo",
    "within-weekly=6mo3w",
    "within-monthly=1y",
    "within-yearly=1y1d",
    "tags=x",
    "changes",
    "last=10 hourly=48 daily=60 monthly=unlimited",
    "within=2d within-hourly=14d daily=30 weekly=8 yearly=10 changes tags=x",
];

/// Every minute of a year, the newest first; now and then one that differs, and one with a tag.
fn minutes(zone: &TimeZone, year: i16) -> Vec<Shot> {
    let begin = |year| {
        jiff::civil::date(year, 1, 1)
            .to_zoned(zone.clone())
            .expect("it begins")
    };
    let (first, next) = (begin(year).timestamp(), begin(year + 1).timestamp());
    let mut shots: Vec<Shot> = (first.as_second()..next.as_second())
        .step_by(60)
        .map(|secs| shot(secs, secs.unsigned_abs() / 60 / 1000))
        .collect();
    for shot in shots.iter_mut().step_by(9999) {
        shot.tags = vec!["x".to_owned()];
    }
    shots.reverse();
    shots
}

/// The numbers of minutes, hours, days, weeks and months in a year, and every policy against the reference.
fn is_decided_rightly(name: &str, year: i16, numbers: [usize; 5]) {
    let zone = zone(name);
    let shots = minutes(&zone, year);
    let reference = Reference::new(&zone, &shots);
    for text in POLICIES {
        let policy = policy(text);
        let decided = decide(&policy, &zone, NEVER, &shots);
        let expected = reference.decide(&policy, NEVER);
        for ((verdict, expected), shot) in decided.iter().zip(&expected).zip(&shots) {
            let rules: Vec<Rule> = verdict.rules().collect();
            assert_eq!(&rules, expected, "{name} {text} {:?}", shot.time);
        }
    }
    let units = [Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month];
    let all =
        policy("minutely=unlimited hourly=unlimited daily=unlimited weekly=unlimited monthly=unlimited");
    let decided = decide(&all, &zone, NEVER, &shots);
    let found = units.map(|unit| {
        let keeps =
            |verdict: &&crate::retention::Verdict| verdict.rules().any(|rule| rule == Rule::Newest(unit));
        let is_oldest = decided
            .last()
            .is_some_and(|oldest| oldest.as_oldest.contains(Rule::Newest(unit)));
        decided.iter().filter(keeps).count() - usize::from(is_oldest)
    });
    assert_eq!(found, numbers, "{name} {year}");
}

#[test]
fn berlin() {
    is_decided_rightly("Europe/Berlin", 2025, [525_600, 8760, 365, 53, 12]);
}

#[test]
fn new_york_in_a_leap_year() {
    is_decided_rightly("America/New_York", 2024, [527_040, 8784, 366, 53, 12]);
}

/// Clocks go forward by half an hour, and back: from 01:30 to 02:00 twice, and thus one hour more.
#[test]
fn lord_howe() {
    is_decided_rightly("Australia/Lord_Howe", 2025, [525_600, 8761, 365, 53, 12]);
}

/// The 29th of December was followed by the 31st.
#[test]
fn apia_without_a_day() {
    is_decided_rightly("Pacific/Apia", 2011, [524_160, 8736, 364, 53, 12]);
}

/// Clocks went back from 00:01 to 23:01 of the day before, which came again: it is one day all the same. Each
/// change also made two hours of what would have been one.
#[test]
fn st_johns_where_a_day_comes_again() {
    is_decided_rightly("America/St_Johns", 2006, [525_600, 8762, 365, 53, 12]);
}

/// One offset is kept for as long as it holds, and not for a second longer.
#[test]
fn every_zone_has_its_offsets() {
    let mut rng = restante_tests::prng::Rng::new(5);
    let database = jiff::tz::TimeZoneDatabase::bundled();
    let mut zones = 0;
    for name in database.available() {
        let zone = zone(name.as_str());
        let mut calendar = crate::retention::calendar::Calendar::new(zone.clone());
        let newest: jiff::Timestamp = "2040-01-01T00:00:00Z".parse().expect("a time");
        let changes = zone
            .preceding(newest)
            .take(60)
            .map(|change| change.timestamp().as_second());
        let mut seconds: Vec<i64> = changes.flat_map(|at| [at + 1, at, at - 1]).collect();
        let span = newest.as_second() * 2;
        seconds.extend((0..100).map(|_| newest.as_second() - rng.below(span.unsigned_abs()).cast_signed()));
        // Once as a walk, once in any order.
        for walk in [true, false] {
            if walk {
                seconds.sort_unstable_by(|a, b| b.cmp(a));
            } else {
                seconds
                    .sort_unstable_by_key(|secs| secs.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()));
            }
            for secs in &seconds {
                let at = jiff::Timestamp::from_second(*secs).expect("a time");
                let local = calendar.local(Timestamp {
                    secs: *secs,
                    nanos: 0,
                });
                let expected = i64::from(zone.to_offset(at).seconds());
                assert_eq!(local.offset, expected, "{} {at}", name.as_str());
            }
        }
        zones += 1;
    }
    assert!(zones > 300, "{zones} zones");
}

/// What a zone is when all it has is a rule, as some systems say theirs.
#[test]
fn a_zone_may_be_a_rule_alone() {
    let rule = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
    let berlin = zone("Europe/Berlin");
    let first: jiff::Timestamp = "2025-01-01T00:00:00Z".parse().expect("a time");
    let step = 37.minutes();
    let mut shots: Vec<Shot> = std::iter::successors(Some(first), |at| at.checked_add(step).ok())
        .take(14_000)
        .map(|at| shot(at.as_second(), 0))
        .collect();
    shots.reverse();
    let policy = policy("hourly=9000 daily=200 monthly=3 within-daily=7mo");
    let (by_rule, by_name) = (
        decide(&policy, &rule, NEVER, &shots),
        decide(&policy, &berlin, NEVER, &shots),
    );
    assert!(by_rule == by_name);
}
