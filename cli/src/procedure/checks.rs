//! What steps look at, and what they find wrong with it. A check changes nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use restante_format::model::display_bytes;

use super::files::{Found, cannot_read, find, list, matching};
use crate::failure::{Failure, Result};
use crate::profile::{Format, SizeRule, Value, ValueSource, expand};
use crate::show::{count, plural};

/// How much of a file is searched for a value.
const SEARCHED_BYTES: u64 = 1 << 20;

/// How many characters of a line of a registry's export are compared.
const LINE_UNITS: usize = 4096;

/// Patterns that nothing matches.
pub(super) fn missing(folder: &Path, patterns: &[String], ignore_case: bool) -> Result<Vec<String>> {
    let all = list(folder)?;
    let mut findings = Vec::new();
    for pattern in patterns {
        let filter = matching(std::slice::from_ref(pattern), ignore_case)?;
        if !all.iter().any(|found| filter.includes(&found.below)) {
            findings.push(format!("{pattern} is missing"));
        }
    }
    Ok(findings)
}

/// Files whose sizes are not what they have to be, or whose other half is missing.
pub(super) fn sizes(folder: &Path, rules: &[SizeRule], ignore_case: bool) -> Result<Vec<String>> {
    let all = list(folder)?;
    let plain = |path: &[u8]| match ignore_case {
        true => display_bytes(path).to_lowercase(),
        false => display_bytes(path),
    };
    let paths: HashSet<String> = all.iter().map(|found| plain(&found.below)).collect();
    let mut findings = Vec::new();
    for rule in rules {
        let filter = matching(&rule.paths, ignore_case)?;
        for file in all
            .iter()
            .filter(|file| !file.is_dir && filter.includes(&file.below))
        {
            findings.extend(breach(rule, file));
            if let Some(pair) = &rule.pair {
                let other = pair_of(pair, &file.below)?;
                if !paths.contains(&plain(other.as_bytes())) {
                    findings.push(format!("{} has no {other}", display_bytes(&file.below)));
                }
            }
        }
    }
    Ok(findings)
}

/// What is wrong with the size of one file.
fn breach(rule: &SizeRule, file: &Found) -> Option<String> {
    let bytes = file.bytes;
    let wanted = match rule {
        SizeRule {
            bytes: Some(exact), ..
        } if bytes != *exact => plural(*exact, "byte", "bytes"),
        SizeRule {
            multiple_of: Some(unit),
            ..
        } if !bytes.is_multiple_of((*unit).max(1)) => {
            format!("a multiple of {}", count(*unit))
        }
        SizeRule {
            at_most: Some(most), ..
        } if bytes > *most => format!("at most {}", count(*most)),
        _ => return None,
    };
    let path = display_bytes(&file.below);
    Some(format!(
        "{path} has {}, not {wanted}",
        plural(bytes, "byte", "bytes")
    ))
}

/// The path of a file's other half.
fn pair_of(pair: &str, path: &[u8]) -> Result<String> {
    let path = display_bytes(path);
    let (dir, name) = path.rsplit_once('/').unwrap_or((".", &path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let value = |name: &str| match name {
        "dir" => Some(dir.to_owned()),
        "stem" => Some(stem.to_owned()),
        _ => None,
    };
    let other = expand(pair, &value).map_err(|why| Failure::new(format!("{pair:?} {why}")))?;
    Ok(other.trim_start_matches("./").to_owned())
}

/// What keeps values that have to be equal from being so.
pub(super) fn unequal(folder: &Path, values: &[Value], ignore_case: bool) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut got = Vec::new();
    for value in values {
        match read_value(folder, value, ignore_case)? {
            Ok(text) => got.push((value, text)),
            Err(finding) => findings.push(finding),
        }
    }
    if let Some(((_, first), rest)) = got.split_first()
        && rest.iter().any(|(_, text)| text != first)
    {
        let said: Vec<String> = got.iter().map(|(value, text)| describe(value, text)).collect();
        findings.push(said.join(", but "));
    }
    Ok(findings)
}

fn describe(value: &Value, text: &str) -> String {
    match &value.source {
        ValueSource::Key(key) => format!("{key} in {} is {text}", value.path),
        ValueSource::RecordBytes(_) => format!("{} holds {text} records", value.path),
    }
}

/// A value, or what keeps it from being read.
fn read_value(folder: &Path, value: &Value, ignore_case: bool) -> Result<Result<String, String>> {
    let path = &value.path;
    let Some(file) = find(folder, path, ignore_case)? else {
        return Ok(Err(format!("{path} is missing")));
    };
    // Who opens a pipe waits for ever.
    if !file
        .metadata()
        .map_err(|error| cannot_read(&file, error))?
        .is_file()
    {
        return Ok(Err(format!("{path} is no file")));
    }
    let opened = File::open(&file).map_err(|error| cannot_read(&file, error))?;
    match &value.source {
        ValueSource::RecordBytes(unit) => {
            let bytes = opened
                .metadata()
                .map_err(|error| cannot_read(&file, error))?
                .len();
            Ok(match bytes.is_multiple_of((*unit).max(1)) {
                true => Ok(count(bytes / (*unit).max(1))),
                false => Err(format!(
                    "{path} has {}, which are no whole records of {}",
                    plural(bytes, "byte", "bytes"),
                    count(*unit)
                )),
            })
        }
        ValueSource::Key(key) => {
            let mut bytes = Vec::new();
            opened
                .take(SEARCHED_BYTES)
                .read_to_end(&mut bytes)
                .map_err(|error| cannot_read(&file, error))?;
            Ok(of_key(&String::from_utf8_lossy(&bytes), key).map_err(|why| format!("{path} {why}")))
        }
    }
}

/// What stands behind `KEY=`, or behind `KEY` and a space, in a text.
fn of_key(text: &str, key: &str) -> Result<String, String> {
    let mut values: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            line.split_once('=')
                .or_else(|| line.trim().split_once([' ', '\t']))
        })
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case(key))
        .map(|(_, value)| value.trim())
        .collect();
    values.sort_unstable();
    values.dedup();
    match &values[..] {
        [] => Err(format!("has no {key}")),
        [only] => Ok((*only).to_owned()),
        several => Err(format!("has {key} {} times with different values", several.len())),
    }
}

/// Files that are not what their names say.
pub(super) fn unrecognised(
    folder: &Path,
    patterns: &[String],
    ignore_case: bool,
    format: Format,
    key: Option<&str>,
) -> Result<Vec<String>> {
    let filter = matching(patterns, ignore_case)?;
    let mut findings = Vec::new();
    for file in list(folder)? {
        if file.is_dir || !filter.includes(&file.below) {
            continue;
        }
        if !file.path.metadata().is_ok_and(|there| there.is_file()) {
            findings.push(format!("{} is no file", display_bytes(&file.below)));
            continue;
        }
        let opened = File::open(&file.path).map_err(|error| cannot_read(&file.path, error))?;
        let why = judge(opened, format, key).map_err(|error| cannot_read(&file.path, error))?;
        findings.extend(why.map(|why| format!("{} {why}", display_bytes(&file.below))));
    }
    Ok(findings)
}

/// What is wrong with a file of a format, as the rest of a sentence.
fn judge(mut file: File, format: Format, key: Option<&str>) -> std::io::Result<Option<String>> {
    let mut start = Vec::new();
    match format {
        // The first descriptor block of every tape: MTF 1.00a, section 5.2.1.
        Format::Mtf => {
            file.take(4).read_to_end(&mut start)?;
            Ok((start != b"TAPE").then(|| "is not in Microsoft Tape Format".to_owned()))
        }
        // https://www.sqlite.org/fileformat2.html#magic_header_string
        Format::Sqlite => {
            file.by_ref().take(16).read_to_end(&mut start)?;
            let is_empty = start.is_empty();
            Ok((start != b"SQLite format 3\0" && !is_empty).then(|| "is no database of SQLite".to_owned()))
        }
        Format::RegistryExport => registry(file, key),
    }
}

/// What is wrong with an export of the registry: version 5 is UTF-16, version 4 is text of one byte a character.
fn registry(file: File, key: Option<&str>) -> std::io::Result<Option<String>> {
    let mut bytes = BufReader::new(file).bytes();
    let (first, second) = (bytes.next().transpose()?, bytes.next().transpose()?);
    let is_wide = (first, second) == (Some(0xFF), Some(0xFE));
    let mut line: Vec<u16> = Vec::new();
    if !is_wide {
        line.extend(first.into_iter().chain(second).map(u16::from));
    }
    let wanted = key.map(str::to_lowercase);
    let (mut number, mut ended) = (0, false);
    while !ended {
        let unit = match (bytes.next().transpose()?, is_wide) {
            (None, _) => None,
            (Some(low), false) => Some(u16::from(low)),
            (Some(low), true) => bytes
                .next()
                .transpose()?
                .map(|high| u16::from_le_bytes([low, high])),
        };
        match unit {
            Some(unit) if unit != u16::from(b'\n') => {
                if line.len() < LINE_UNITS {
                    line.push(unit);
                }
                continue;
            }
            Some(_) => {}
            None => ended = true,
        }
        let text = String::from_utf16_lossy(&line);
        let text = text.trim();
        line.clear();
        number += 1;
        if number == 1 && !["REGEDIT4", "Windows Registry Editor Version 5.00"].contains(&text) {
            return Ok(Some("is no export of the registry".to_owned()));
        }
        let named = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let (Some(named), Some(wanted)) = (named, &wanted) {
            let named = named.to_lowercase();
            let rest = named.strip_prefix(wanted.as_str());
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('\\')) {
                return Ok(None);
            }
        }
    }
    Ok(key.map(|key| format!("does not hold {key}")))
}
