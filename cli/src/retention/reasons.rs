//! Why a snapshot is kept, in words.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::calendar::instant;
use super::{Candidate, Policy, Rule, Unit, Verdict};

impl Verdict {
    /// A line for each rule that keeps it, none if it is forgotten: `last 3`, `hourly 2026-11-22 08:00`,
    /// `oldest daily`, `within 2d`, `daily within 1y 2026-11-22`, `tag weekly`, `change`.
    pub(crate) fn reasons(self, policy: &Policy, zone: &TimeZone, candidate: Candidate<'_>) -> Vec<String> {
        self.rules()
            .flat_map(|rule| self.reason(rule, policy, zone, candidate))
            .collect()
    }

    fn reason(self, rule: Rule, policy: &Policy, zone: &TimeZone, candidate: Candidate<'_>) -> Vec<String> {
        let of_unit = |unit: Unit, rule_in_words: String| {
            if self.as_oldest.contains(rule) {
                format!("oldest {rule_in_words}")
            } else {
                format!("{rule_in_words} {}", name(unit, zone, candidate))
            }
        };
        match rule {
            Rule::Last => vec![format!("last {}", self.place)],
            Rule::Newest(unit) => vec![of_unit(unit, unit.adverb().to_owned())],
            Rule::Within => (policy.within.iter())
                .map(|period| format!("within {period}"))
                .collect(),
            Rule::NewestWithin(unit) => (policy.within_by[unit].iter())
                .map(|period| of_unit(unit, format!("{} within {period}", unit.adverb())))
                .collect(),
            Rule::Tags => (policy.lists_in(candidate.tags))
                .map(|list| format!("tag {list}"))
                .collect(),
            Rule::Changes => vec!["change".to_owned()],
        }
    }
}

/// How the minute, the hour, … is called that a snapshot is the newest of.
fn name(unit: Unit, zone: &TimeZone, candidate: Candidate<'_>) -> String {
    let at = instant(candidate.time);
    let local = zone.to_datetime(at);
    let date = local.date();
    let with_offset = |pattern: &str| {
        let text = local.strftime(pattern).to_string();
        // The clock shows it twice.
        if zone.to_ambiguous_timestamp(whole_minute(local)).is_ambiguous() {
            format!("{text} {}", zone.to_offset(at))
        } else {
            text
        }
    };
    match unit {
        Unit::Minute => with_offset("%Y-%m-%d %H:%M"),
        Unit::Hour => with_offset("%Y-%m-%d %H:00"),
        Unit::Day => date.to_string(),
        Unit::Week => {
            let week = date.iso_week_date();
            format!("{:04}-W{:02}", week.year(), week.week())
        }
        Unit::Month => date.strftime("%Y-%m").to_string(),
        Unit::Year => date.strftime("%Y").to_string(),
    }
}

fn whole_minute(local: DateTime) -> DateTime {
    local.date().at(local.hour(), local.minute(), 0, 0)
}
