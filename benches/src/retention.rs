//! How each program is called for a long history: dated snapshots, a list for machines, most of them forgotten and their room freed.

use serde_json::Value;

use crate::calendar::{local, rfc3339, spaced};
use crate::clock::Call;
use crate::failure::Failure;
use crate::tool::{Station, TREE, Tool, words};

/// What stays, in words, and as nearly every program takes it.
pub(crate) const POLICY: [&str; 4] = ["--keep-last", "20", "--keep-daily", "7"];

/// How a program takes a snapshot that bears a time; `None` where it cannot.
pub(crate) fn snapshot(station: &Station, number: usize, secs: i64) -> Result<Option<Call>, Failure> {
    let arguments = match station.tool {
        Tool::Restante => words(["snapshot", "--time", &rfc3339(secs), TREE]),
        Tool::Restic => words(["backup", "--time", &spaced(secs), TREE]),
        Tool::Rustic => words(["backup", "--time", &format!("{}+0000", spaced(secs)), TREE]),
        Tool::Borg => words([
            "create",
            "--compression",
            "zstd,3",
            "--timestamp",
            &local(secs),
            &format!("::{number}"),
            TREE,
        ]),
        Tool::Bupstash => return Ok(None),
    };
    Ok(Some(in_utc(station.call(arguments, station.source())?)))
}

/// How a program lists all its snapshots as JSON.
pub(crate) fn list(station: &Station) -> Result<Call, Failure> {
    let arguments = match station.tool {
        Tool::Restante => words(["--json", "snapshots", "--all"]),
        Tool::Rustic => words(["snapshots", "--json", "--all"]),
        Tool::Restic => words(["snapshots", "--json"]),
        Tool::Borg | Tool::Bupstash => words(["list", "--json"]),
    };
    Ok(in_utc(station.call(arguments, station.place())?))
}

/// How a program forgets all but what the policy keeps and frees the room at once, call by call.
pub(crate) fn forget(station: &Station) -> Result<Vec<Call>, Failure> {
    let policy = words(POLICY);
    let lines = match station.tool {
        Tool::Restante | Tool::Restic => vec![[words(["forget", "--prune"]), policy].concat()],
        // It would keep what is of no use for a day.
        Tool::Rustic => vec![[words(["forget", "--prune", "--instant-delete"]), policy].concat()],
        Tool::Borg => vec![[words(["prune"]), policy].concat(), words(["compact"])],
        Tool::Bupstash => Vec::new(),
    };
    let calls = lines
        .into_iter()
        .map(|line| Ok(in_utc(station.call(line, station.place())?)));
    calls.collect()
}

/// Days begin at the same moment for all.
fn in_utc(mut call: Call) -> Call {
    call.environment.push(("TZ", "UTC".into()));
    call
}

/// How many snapshots a list of JSON documents has: objects with an id and a time, whatever lies around them.
pub(crate) fn listed(text: &[u8]) -> Result<usize, serde_json::Error> {
    let documents = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
    documents
        .map(|document| document.map(|value| count(&value)))
        .sum()
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) if fields.contains_key("id") && fields.contains_key("time") => 1,
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_counted_however_they_are_listed() {
        for (text, expected) in [
            (&br#"[{"id":"a","time":1},{"id":"b","time":2}]"#[..], 2),
            (b"{\"id\":\"a\",\"time\":1}\n{\"id\":\"b\",\"time\":2}\n", 2),
            (
                br#"{"archives":[{"id":"a","time":1}],"repository":{"id":"r"}}"#,
                1,
            ),
            (br#"[[{"hostname":"h"},[{"id":"a","time":1}]]]"#, 1),
            (b"[]", 0),
        ] {
            assert_eq!(listed(text).unwrap(), expected);
        }
        assert!(listed(b"[").is_err());
    }
}
