//! Placeholders in commands: `{root:db}`, `{server}` and the like, which whoever runs a command fills in.
//!
//! | placeholder | stands for | where |
//! | --- | --- | --- |
//! | `{root:NAME}` | where a root of the profile lies | commands of steps |
//! | `{place:NAME}` | what a key of `[roots]` names | commands of steps |
//! | `{connector}`, `{server}`, `{archive}` | the names | commands of steps, `[services]` |
//! | `{snapshot}` | the snapshot that is restored | commands of steps around restores |
//! | `{service}` | the service | `[services]` |
//! | `{dir}`, `{stem}` | the file's directory, and its name without extension | `pair` of a size rule |
//!
//! `{{` and `}}` are braces.

use super::Phase;

/// Where a text with placeholders stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A command around snapshots.
    Snapshot,
    /// A command around restores.
    Restore,
    /// A command of `[services]`.
    Services,
    /// The `pair` of a size rule.
    Pair,
}

impl Scope {
    /// That of the commands of a phase.
    pub(crate) fn of(phase: Phase) -> Self {
        match phase {
            Phase::BeforeSnapshot | Phase::AfterSnapshot => Self::Snapshot,
            _ => Self::Restore,
        }
    }

    /// What is known there; `:NAME` behind those that name something.
    fn known(self) -> &'static [&'static str] {
        match self {
            Self::Snapshot => &["root:NAME", "place:NAME", "connector", "server", "archive"],
            Self::Restore => &[
                "root:NAME",
                "place:NAME",
                "connector",
                "server",
                "archive",
                "snapshot",
            ],
            Self::Services => &["service", "connector", "server", "archive"],
            Self::Pair => &["dir", "stem"],
        }
    }
}

/// What is wrong with a text, as the rest of a sentence that starts with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong.
    pub(crate) why: String,
    /// What to write.
    pub(crate) hint: String,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    /// What stands between braces.
    Name(&'a str),
}

/// How a brace is written that is none of a placeholder.
const BRACES: &str = "a brace itself is written {{ or }}";

/// Takes a text apart.
fn parts(text: &str) -> Result<Vec<Part<'_>>, Fault> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        parts.push(Part::Text(before));
        if brace.starts_with("{{") || brace.starts_with("}}") {
            parts.push(Part::Text(&brace[..1]));
            rest = &brace[2..];
            continue;
        }
        let name = brace.strip_prefix('{').ok_or_else(|| alone('}', '{'))?;
        let end = name.find(['{', '}']).unwrap_or(name.len());
        rest = name[end..].strip_prefix('}').ok_or_else(|| alone('{', '}'))?;
        parts.push(Part::Name(&name[..end]));
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

/// The fault of a brace without the other.
fn alone(brace: char, other: char) -> Fault {
    Fault {
        why: format!("has a `{brace}` without its `{other}`"),
        hint: BRACES.to_owned(),
    }
}

/// The placeholders of a text, without their braces; none where it is faulty.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    let parts = parts(text).unwrap_or_default();
    parts.into_iter().filter_map(|part| match part {
        Part::Name(name) => Some(name),
        Part::Text(_) => None,
    })
}

/// What a placeholder `KIND:NAME` names, if it is of that kind.
pub(crate) fn named<'a>(placeholder: &'a str, kind: &str) -> Option<&'a str> {
    placeholder.strip_prefix(kind)?.strip_prefix(':')
}

/// Fails at the first placeholder of a text that means nothing there. Whether there is such a root, only the
/// whole profile says.
pub(crate) fn check(text: &str, scope: Scope) -> Result<(), Fault> {
    for part in parts(text)? {
        if let Part::Name(name) = part {
            check_name(name, scope)?;
        }
    }
    Ok(())
}

fn check_name(name: &str, scope: Scope) -> Result<(), Fault> {
    let (head, argument) = match name.split_once(':') {
        Some((head, argument)) => (head, Some(argument)),
        None => (name, None),
    };
    let known = scope.known();
    let takes_name = |head: &str| known.contains(&format!("{head}:NAME").as_str());
    if takes_name(head) {
        return match argument {
            Some(argument) if !argument.trim().is_empty() => Ok(()),
            _ => Err(Fault {
                why: format!("does not say which {head}"),
                hint: format!("write {{{head}:NAME}}"),
            }),
        };
    }
    if known.contains(&head) {
        return match argument {
            None => Ok(()),
            Some(_) => Err(Fault {
                why: format!("has a name behind `{head}`, which takes none"),
                hint: format!("write {{{head}}}"),
            }),
        };
    }
    let heads: Vec<&str> = (known.iter()).map(|k| k.split(':').next().unwrap_or(k)).collect();
    let hint = match crate::suggest::nearest(head, &heads) {
        _ if name == "snapshot" => "only commands around a restore have one".to_owned(),
        _ if name == "service" => "only the commands of [services] have one".to_owned(),
        Some(near) if takes_name(near) => {
            format!("did you mean {{{near}:{}}}?", argument.unwrap_or("NAME"))
        }
        Some(near) => format!("did you mean {{{near}}}?"),
        None => {
            let all: Vec<String> = known.iter().map(|k| format!("{{{k}}}")).collect();
            format!("known here: {}; {BRACES}", all.join(", "))
        }
    };
    Err(Fault {
        why: match name {
            "" => "has a placeholder without a name".to_owned(),
            _ => format!("has {{{name}}}, which nothing fills in here"),
        },
        hint,
    })
}

/// The text with its placeholders filled in; `value` gets each without its braces: `root:db`.
///
/// # Errors
/// Fails where `value` has nothing for a placeholder or a brace stands alone, with a clause that says so.
pub(crate) fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    for part in parts(text).map_err(|fault| format!("it {}", fault.why))? {
        match part {
            Part::Text(text) => expanded.push_str(text),
            Part::Name(name) => match value(name) {
                Some(value) => expanded.push_str(&value),
                None => return Err(format!("nothing stands for {{{name}}}")),
            },
        }
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "root:db" => Some("/srv/{x}".into()),
            "server" => Some("EXCH1".into()),
            _ => None,
        }
    }

    #[test]
    fn placeholders_are_filled_in() {
        for (text, wanted) in [
            ("", ""),
            ("plain", "plain"),
            ("{server}", "EXCH1"),
            // What is filled in is not looked at again.
            ("{root:db}/app.db on {server}", "/srv/{x}/app.db on EXCH1"),
            ("{{server}}", "{server}"),
            ("{{{server}}}", "{EXCH1}"),
            ("awk '{{print $1}}'", "awk '{print $1}'"),
            ("größe {server} ü", "größe EXCH1 ü"),
        ] {
            assert_eq!(expand(text, &value).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_nothing_fills_in_is_named() {
        for (text, wanted) in [
            ("a {place:x} b", "nothing stands for {place:x}"),
            ("{}", "nothing stands for {}"),
            ("{server", "it has a `{` without its `}`"),
            ("{server {x}", "it has a `{` without its `}`"),
            ("server}", "it has a `}` without its `{`"),
        ] {
            assert_eq!(expand(text, &value), Err(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn each_place_has_its_own() {
        let knows = |scope, text: &str| check(text, scope).is_ok();
        for text in ["{root:db}", "{place:ex}", "{connector}{server}{archive}", "{{x}}"] {
            assert!(
                knows(Scope::Snapshot, text) && knows(Scope::Restore, text),
                "{text}"
            );
        }
        assert!(knows(Scope::Restore, "{snapshot}") && !knows(Scope::Snapshot, "{snapshot}"));
        assert!(knows(Scope::Services, "{service}@{server}") && !knows(Scope::Restore, "{service}"));
        assert!(!knows(Scope::Services, "{root:db}"));
        assert!(knows(Scope::Pair, "{dir}/{stem}.stm") && !knows(Scope::Pair, "{server}"));
        assert_eq!(Scope::of(Phase::AfterSnapshot), Scope::Snapshot);
        assert_eq!(Scope::of(Phase::Finish), Scope::Restore);
    }

    #[test]
    fn mistakes_say_what_was_meant() {
        let said = |text: &str| {
            let fault = check(text, Scope::Snapshot).unwrap_err();
            format!("{}: {}", fault.why, fault.hint)
        };
        for (text, wanted) in [
            (
                "{rot:db}",
                "has {rot:db}, which nothing fills in here: did you mean {root:db}?",
            ),
            (
                "{serwer}",
                "has {serwer}, which nothing fills in here: did you mean {server}?",
            ),
            ("{root}", "does not say which root: write {root:NAME}"),
            ("{place:}", "does not say which place: write {place:NAME}"),
            (
                "{server:x}",
                "has a name behind `server`, which takes none: write {server}",
            ),
            (
                "{",
                "has a `{` without its `}`: a brace itself is written {{ or }}",
            ),
            (
                "{snapshot}",
                "has {snapshot}, which nothing fills in here: only commands around a restore have one",
            ),
            (
                "{}",
                "has a placeholder without a name: known here: {root:NAME}, {place:NAME}, {connector}, {server}, \
                 {archive}; a brace itself is written {{ or }}",
            ),
        ] {
            assert_eq!(said(text), wanted, "{text}");
        }
    }

    #[test]
    fn names_are_listed() {
        let found: Vec<&str> = names("{root:db}/{{x}}{place:ex}").collect();
        assert_eq!(found, ["root:db", "place:ex"]);
        assert_eq!(named("place:ex", "place"), Some("ex"));
        assert_eq!(
            (named("root:db", "place"), named("places", "place")),
            (None, None)
        );
        assert_eq!(names("{").count(), 0);
    }
}
