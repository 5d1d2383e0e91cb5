//! What holds of every policy and every group.

use jiff::tz::TimeZone;
use restante_format::model::Timestamp;
use restante_tests::prng::Rng;

use super::reference::Reference;
use super::{Shot, decide, policy, zone};
use crate::retention::{Policy, Rule, Verdict};

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Monrovia",
    "Asia/Manila",
];

const COUNTED: [&str; 7] = [
    "last", "minutely", "hourly", "daily", "weekly", "monthly", "yearly",
];
const TIMED: [&str; 7] = [
    "within",
    "within-minutely",
    "within-hourly",
    "within-daily",
    "within-weekly",
    "within-monthly",
    "within-yearly",
];
const PERIODS: [&str; 9] = [
    "1s",
    "90min",
    "12h",
    "2d",
    "1w3h",
    "1mo",
    "2y5mo7d3h",
    "30y",
    "900y",
];

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.below(from.len() as u64) as usize]
}

fn rule(rng: &mut Rng) -> String {
    match rng.below(4) {
        0 => format!("{}={}", pick(rng, &TIMED), pick(rng, &PERIODS)),
        1 => pick(rng, &["changes", "tags=x", "tags=y,z", "tags=nobody"]).to_owned(),
        _ => {
            let count = match rng.below(5) {
                0 => "unlimited".to_owned(),
                _ => rng.below(12).to_string(),
            };
            format!("{}={count}", pick(rng, &COUNTED))
        }
    }
}

/// A policy, and the same with another rule.
fn policies(rng: &mut Rng) -> (Policy, Policy, String) {
    let mut words: Vec<String> = (0..rng.below(5)).map(|_| rule(rng)).collect();
    let some = policy(&words.join(" "));
    // A rule that is there already would be replaced by another.
    let added = loop {
        let added = rule(rng);
        let key = added.split('=').next().unwrap_or_default().to_owned();
        let is_there = |word: &String| word.split('=').next() == Some(key.as_str());
        if key == "tags" || !words.iter().any(is_there) {
            break added;
        }
    };
    words.push(added);
    let text = words.join(" ");
    (some, policy(&text), text)
}

/// Snapshots at steps of seconds to years, some at once, from before 1970 to today, the newest first.
fn shots(rng: &mut Rng) -> Vec<Shot> {
    let steps = [1, 60, 1800, 3600, 86_400, 604_800, 2_600_000, 31_000_000];
    let longest = 1 + rng.below(steps.len() as u64);
    // The end of a summer in Berlin, of one in Lord Howe, the day that Apia missed, the day that Manila missed.
    let ends = [
        1_761_440_400,
        1_743_865_200,
        1_325_240_000,
        -3_944_621_000,
        40_000_000,
    ];
    let mut secs = ends[rng.below(ends.len() as u64) as usize] + rng.below(200_000).cast_signed();
    let mut tree = 0;
    let mut shots = Vec::new();
    for _ in 0..rng.below(120) {
        let tags = ["x", "y", "z"].into_iter().filter(|_| rng.below(6) == 0);
        let tags = tags.map(str::to_owned).collect();
        shots.push(Shot {
            time: Timestamp {
                secs,
                nanos: [0, 1, 999_999_999][rng.below(3) as usize],
            },
            tree,
            tags,
        });
        tree = if rng.below(3) == 0 { rng.below(4) } else { tree };
        let step: u64 = steps[rng.below(longest) as usize];
        secs -= rng.below(2 * step).cast_signed();
    }
    shots.sort_by_key(|shot| std::cmp::Reverse(shot.time));
    shots
}

/// Snapshots, policies for them, and when and where it is.
struct Scene {
    zone: TimeZone,
    shots: Vec<Shot>,
    policy: Policy,
    /// The same policy before a rule was added to it.
    smaller: Policy,
    /// The policy, and how to have it again.
    title: String,
    now: Timestamp,
}

impl Scene {
    fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let zone = zone(pick(&mut rng, &ZONES));
        let shots = shots(&mut rng);
        let (smaller, policy, text) = policies(&mut rng);
        // Some of the snapshots may be from the future.
        let secs = shots.first().map_or(0, |shot| shot.time.secs) + 10 - rng.below(20_000).cast_signed();
        Self {
            zone,
            shots,
            policy,
            smaller,
            title: format!("seed {seed}, {text}"),
            now: Timestamp { secs, nanos: 0 },
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        (0..3000).map(Self::of)
    }

    fn decide(&self, policy: &Policy, shots: &[Shot]) -> Vec<Verdict> {
        decide(policy, &self.zone, self.now, shots)
    }
}

#[test]
fn every_policy_decides_as_the_reference_does() {
    for scene in Scene::all() {
        let decided = scene.decide(&scene.policy, &scene.shots);
        let expected = Reference::new(&scene.zone, &scene.shots).decide(&scene.policy, scene.now);
        for (i, (verdict, expected)) in decided.iter().zip(&expected).enumerate() {
            let rules: Vec<Rule> = verdict.rules().collect();
            let (title, count) = (&scene.title, scene.shots.len());
            assert_eq!(&rules, expected, "{title}, shot {i} of {count}");
        }
    }
}

#[test]
fn another_rule_never_makes_one_go() {
    for scene in Scene::all() {
        let before = scene.decide(&scene.smaller, &scene.shots);
        let after = scene.decide(&scene.policy, &scene.shots);
        for (before, after) in before.iter().zip(after) {
            assert!(
                before.rules().all(|rule| after.rules().any(|r| r == rule)),
                "{}",
                scene.title
            );
        }
    }
}

/// What differs from the one before is seen anew among those that are left.
#[test]
fn what_was_kept_is_kept_again() {
    for scene in Scene::all() {
        let decided = scene.decide(&scene.policy, &scene.shots);
        let all = scene.shots.iter().zip(&decided);
        let kept = all.filter(|(_, verdict)| verdict.is_kept());
        let kept: Vec<Shot> = kept.map(|(shot, _)| shot.clone()).collect();
        let again = scene.decide(&scene.policy, &kept);
        assert!(again.iter().all(|verdict| verdict.is_kept()), "{}", scene.title);
    }
}
