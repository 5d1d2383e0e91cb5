//! Correlation tables: pages of 4 KiB that hold fifteen records of 256 bytes each.
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 256 | page header: mark, number, neighbours, slots |
//! | 256 | 15 × 256 | records |
//!
//! A record: number and version (4 + 4 bytes), time and update sequence number (8 + 8), GUID (16), digest
//! (4), then its strings, each ended by a zero byte, and zeros up to 256. The GUID and the digest do not
//! compress; the whole compresses about 4.7 : 1.

use crate::prng::Rng;

use super::text::Person;

/// Size of a page, bytes.
pub const PAGE_BYTES: u64 = 4096;
/// Size of a record and of a page's header, bytes.
pub const RECORD_BYTES: u64 = 256;
/// How many records a page holds.
pub const RECORDS_PER_PAGE: u64 = PAGE_BYTES / RECORD_BYTES - 1;

const DIGEST_BYTES: usize = 4;

/// Where in its table a record lies.
pub(super) fn record_offset(record: u64) -> u64 {
    record / RECORDS_PER_PAGE * PAGE_BYTES + RECORD_BYTES * (1 + record % RECORDS_PER_PAGE)
}

fn append(record: &mut [u8], at: &mut usize, parts: &[&str]) {
    for part in parts {
        // The last byte stays zero: an overlong string is cut, as the original would.
        let room = record.len() - 1 - *at;
        let part = &part.as_bytes()[..part.len().min(room)];
        record[*at..*at + part.len()].copy_from_slice(part);
        *at += part.len();
    }
    *at = (*at + 1).min(record.len() - 1);
}

/// Writes version `version` of record number `number`; `record` is `RECORD_BYTES` long.
pub(super) fn record(rng: &mut Rng, number: u64, version: u64, record: &mut [u8]) {
    let person = Person::any(rng);
    record.fill(0);
    record[0..4].copy_from_slice(&(number as u32).to_le_bytes());
    record[4..8].copy_from_slice(&(version as u32).to_le_bytes());
    // 100 ns units since 1601, in the first months of 2001, as the directory counts time.
    let time = 126_227_808_000_000_000 + number * 600_000_000 + rng.below(1 << 24) * 10_000;
    record[8..16].copy_from_slice(&time.to_le_bytes());
    record[16..24].copy_from_slice(&(0x0002_0000 + number * 3 + version * 7919).to_le_bytes());
    rng.fill(&mut record[24..40 + DIGEST_BYTES]);
    let mut at = 40 + DIGEST_BYTES;
    let Person {
        first,
        last,
        department,
        site,
        number,
    } = person;
    let digits: [u8; 4] = std::array::from_fn(|i| b'0' + (number / 10_u64.pow(3 - i as u32) % 10) as u8);
    let digits = std::str::from_utf8(&digits).unwrap_or("0000");
    append(record, &mut at, &[first, " ", last]);
    append(
        record,
        &mut at,
        &["CN=", first, " ", last, "/OU=", department, "/O=EXAMPLE@EXAMPLE"],
    );
    append(
        record,
        &mut at,
        &["/o=Example/ou=", site, "/cn=Recipients/cn=", last, digits],
    );
    append(record, &mut at, &["SMTP:", last, digits, "@", site, ".example"]);
}

/// Writes page `page` of the table called `table` as it is at first.
pub(super) fn page(seed: u64, table: &str, page: u64, bytes: &mut [u8]) {
    let mut rng = Rng::derive(seed, table, page);
    let (header, records) = bytes.split_at_mut(RECORD_BYTES as usize);
    header.fill(0);
    header[0..8].copy_from_slice(b"CORRPAGE");
    header[8..12].copy_from_slice(&(page as u32).to_le_bytes());
    header[12..16].copy_from_slice(&(page as u32).wrapping_sub(1).to_le_bytes());
    header[16..20].copy_from_slice(&(page as u32).wrapping_add(1).to_le_bytes());
    header[20..24].copy_from_slice(&(rng.next_u64() as u32).to_le_bytes());
    for (slot, place) in header[32..]
        .chunks_exact_mut(2)
        .take(RECORDS_PER_PAGE as usize)
        .enumerate()
    {
        place.copy_from_slice(&((slot as u16 + 1) * RECORD_BYTES as u16).to_le_bytes());
    }
    for (slot, bytes) in records.chunks_exact_mut(RECORD_BYTES as usize).enumerate() {
        record(&mut rng, page * RECORDS_PER_PAGE + slot as u64, 0, bytes);
    }
}
