//! How policies, periods and reasons are written and read.

use jiff::tz::TimeZone;

use super::{Shot, at, policy, reasons, shot, zone};
use crate::retention::{Count, Period, TagList};

#[test]
fn periods_are_read_and_written() {
    for (text, written) in [
        ("2d", "2d"),
        ("1w", "7d"),
        ("2w3d", "17d"),
        ("48h", "48h"),
        ("90min", "1h30min"),
        ("6mo", "6mo"),
        ("18mo", "1y6mo"),
        ("2y5m7d3h", "2y5mo7d3h"),
        ("1y6m", "1y6mo"),
        ("6m7d", "6mo7d"),
        ("5m3h", "5mo3h"),
        ("1h30m", "1h30min"),
        ("5m30s", "5min30s"),
        ("1y2mo3w4d5h6min7s", "1y2mo25d5h6min7s"),
        (" 1000y ", "1000y"),
    ] {
        let period: Period = text.parse().expect(text);
        assert_eq!(period.to_string(), written, "{text}");
        assert_eq!(written.parse(), Ok(period), "{text}");
    }
    for (text, why) in [
        ("", "is no time"),
        ("d", "is no time"),
        ("-2d", "is no time"),
        ("2", "has no unit"),
        ("2 d", "has an unknown unit"),
        ("2D", "has an unknown unit"),
        ("1.5h", "has an unknown unit"),
        ("5m", "has an `m` that may be months or minutes"),
        ("2d5m", "has an `m` that may be months or minutes"),
        ("2d1y", "has a shorter unit before a longer one"),
        ("2d3d", "has a shorter unit before a longer one"),
        ("0d", "is no time at all"),
        ("1001y", "is too long a time"),
        ("99999999999999999999d", "is too long a time"),
        (
            "18446744073709551615y18446744073709551615mo",
            "is too long a time",
        ),
    ] {
        assert_eq!(text.parse::<Period>(), Err(why), "{text:?}");
    }
}

#[test]
fn counts_and_tags_are_read() {
    assert_eq!("7".parse(), Ok(Count::Of(7)));
    assert_eq!("unlimited".parse(), Ok(Count::Unlimited));
    assert_eq!("-1".parse(), Ok(Count::Unlimited));
    assert!("-2".parse::<Count>().is_err() && "".parse::<Count>().is_err());
    assert_eq!(
        " audit, 2026".parse::<TagList>().map(|list| list.to_string()),
        Ok("audit,2026".to_owned())
    );
    assert!("".parse::<TagList>().is_err() && "a,,b".parse::<TagList>().is_err());
}

#[test]
fn a_policy_is_told_in_words() {
    assert_eq!(
        policy("changes tags=a,b within=2d daily=30 last=10 within-monthly=18mo yearly=-1").to_string(),
        "last 10, daily 30, yearly unlimited, within 2d, monthly within 1y6mo, tag a,b, every change"
    );
}

#[test]
fn every_reason_is_told() {
    let mut shots = [
        at("2026-11-22T08:00[Europe/Berlin]"),
        at("2026-11-22T07:59[Europe/Berlin]"),
        at("2026-11-21T07:59[Europe/Berlin]"),
        at("2026-11-02T07:59[Europe/Berlin]"),
    ];
    shots[2].tags = vec!["weekly".to_owned(), "audit".to_owned()];
    let all = "last=2 minutely=1 hourly=1 daily=2 weekly=9 monthly=3 yearly=2 within=1h within-daily=1d \
               tags=weekly tags=audit tags=nobody changes";
    let reasons = reasons(&policy(all), &zone("Europe/Berlin"), &shots);
    assert_eq!(
        reasons,
        [
            vec![
                "last 1",
                "minutely 2026-11-22 08:00",
                "hourly 2026-11-22 08:00",
                "daily 2026-11-22",
                "weekly 2026-W47",
                "monthly 2026-11",
                "yearly 2026",
                "within 1h",
                "daily within 1d 2026-11-22",
                "change",
            ],
            vec!["last 2", "within 1h", "change"],
            vec!["daily 2026-11-21", "tag weekly", "tag audit", "change"],
            vec!["weekly 2026-W45", "oldest monthly", "oldest yearly", "change"],
        ]
    );
}

#[test]
fn an_hour_that_comes_twice_is_told_with_its_offset() {
    let shots = [
        at("2025-10-26T03:00+01[Europe/Berlin]"),
        at("2025-10-26T02:30+01[Europe/Berlin]"),
        at("2025-10-26T02:30+02[Europe/Berlin]"),
    ];
    assert_eq!(
        reasons(&policy("hourly=3"), &zone("Europe/Berlin"), &shots),
        [
            ["hourly 2025-10-26 03:00"],
            ["hourly 2025-10-26 02:00 +01"],
            ["hourly 2025-10-26 02:00 +02"]
        ]
    );
}

#[test]
fn a_forgotten_one_has_no_reasons() {
    let shots: Vec<Shot> = (0..3).rev().map(|day| shot(day * 86_400, 0)).collect();
    assert_eq!(
        reasons(&policy("last=1"), &TimeZone::UTC, &shots),
        [vec!["last 1"], vec![], vec![]]
    );
}
