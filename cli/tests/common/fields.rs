//! Fields of JSON documents.

use serde_json::Value;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holds {
    Id,
    IdOrNull,
    Time,
    Text,
    TextOrNull,
    Number,
    Seconds,
    Bool,
    Texts,
    List,
    Object,
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T') && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_id(value: &Value) -> bool {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    value
        .as_str()
        .is_some_and(|text| text.len() == 64 && text.bytes().all(is_digit))
}

impl Holds {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Id => is_id(value),
            Self::IdOrNull => value.is_null() || is_id(value),
            Self::Time => is_time(value),
            Self::Text => value.is_string(),
            Self::TextOrNull => value.is_null() || value.is_string(),
            Self::Number => value.is_u64(),
            Self::Seconds => value.as_f64().is_some_and(|seconds| seconds >= 0.0),
            Self::Bool => value.is_boolean(),
            Self::Texts => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_string)),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// Fails unless the document has these fields, each with what it holds. It may have others.
#[track_caller]
pub(crate) fn assert_fields(document: &Value, fields: &[(&str, Holds)]) {
    for (field, holds) in fields {
        let value = document
            .get(field)
            .unwrap_or_else(|| panic!("no {field} in {document}"));
        assert!(holds.fits(value), "{field} is not {holds:?} in {document}");
    }
}
