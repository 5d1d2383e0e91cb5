//! The archive's config (`spec/FORMAT.md`, section 3).

use super::VERSION;
use super::codec::{Decode, Encode, from_fixed, to_fixed};
use super::segment::{ArchiveId, check_flags};
use crate::error::{Flaw, Malformed};
use crate::id::{Id, derive};
use crate::limits::CHUNK_BYTES;

/// The size of a config file in bytes.
pub const CONFIG_BYTES: usize = 176;
const CHECKED_BYTES: usize = 144;
const BODY_BYTES: u32 = 120;
const MAGIC: [u8; 8] = *b"\x89RSTC\r\n\x1a";
const FAST_CDC_2020: u32 = 1;

/// How files are cut into chunks: FastCDC v2020 with these parameters (section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunker {
    /// The smallest chunk in bytes, but for the last of a region; even.
    pub min_bytes: u32,
    /// Where mask L takes over from mask S, in bytes; even.
    pub avg_bytes: u32,
    /// The largest chunk in bytes; even.
    pub max_bytes: u32,
    /// The harder condition, before `avg_bytes`.
    pub mask_s: u64,
    /// The easier condition, from `avg_bytes` on.
    pub mask_l: u64,
    /// What the gear table is derived from.
    pub gear_seed: [u8; 32],
}

impl Default for Chunker {
    fn default() -> Self {
        Self {
            min_bytes: 16 << 10,
            avg_bytes: 64 << 10,
            max_bytes: 256 << 10,
            mask_s: 0xffff_c000,
            mask_l: 0xfffc_0000,
            gear_seed: [0; 32],
        }
    }
}

/// What an archive decided when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Random; every segment carries it.
    pub archive: ArchiveId,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub created: i64,
    /// How files are cut.
    pub chunker: Chunker,
    /// The zstd level of new blocks.
    pub zstd_level: i32,
}

#[derive(Encode, Decode)]
struct Stored {
    magic: [u8; 8],
    version: u16,
    reserved: u16,
    incompatible: u32,
    compatible: u32,
    body_bytes: u32,
    archive: [u8; 16],
    created: i64,
    chunker: u32,
    min_bytes: u32,
    avg_bytes: u32,
    max_bytes: u32,
    mask_s: u64,
    mask_l: u64,
    gear_seed: [u8; 32],
    zstd_level: i32,
    reserved_body: [u8; 28],
    check: [u8; 32],
}

fn check(bytes: &[u8]) -> Id {
    derive("restante 2026 config v1", &[bytes])
}

/// Whether the check says that this was a config of this version before its first bytes were damaged.
fn is_ours_but_for_its_beginning(bytes: &[u8]) -> bool {
    let beginning = [&MAGIC[..], &VERSION.to_le_bytes()].concat();
    if bytes.len() != CONFIG_BYTES || bytes.starts_with(&beginning) {
        return false;
    }
    let (checked, recorded) = bytes.split_at(CHECKED_BYTES);
    check(&[&beginning, &checked[beginning.len()..]].concat()).0 == recorded
}

impl Config {
    /// The bytes of the config file.
    pub fn encode(&self) -> Vec<u8> {
        let chunker = &self.chunker;
        let mut bytes = to_fixed(&Stored {
            magic: MAGIC,
            version: VERSION,
            reserved: 0,
            incompatible: 0,
            compatible: 0,
            body_bytes: BODY_BYTES,
            archive: self.archive.0,
            created: self.created,
            chunker: FAST_CDC_2020,
            min_bytes: chunker.min_bytes,
            avg_bytes: chunker.avg_bytes,
            max_bytes: chunker.max_bytes,
            mask_s: chunker.mask_s,
            mask_l: chunker.mask_l,
            gear_seed: chunker.gear_seed,
            zstd_level: self.zstd_level,
            reserved_body: [0; 28],
            check: [0; 32],
        });
        let check = check(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..].copy_from_slice(&check.0);
        bytes
    }

    /// The config that `bytes` hold. The order of the checks is that of F-020.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let flaw = |field, reason: &str| Malformed::Flaw(Flaw::new("config", field, reason));
        if MAGIC.starts_with(bytes) {
            return Err(flaw("length", "is that of no config"));
        }
        if is_ours_but_for_its_beginning(bytes) {
            return Err(flaw("magic, version", "do not fit the check"));
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(Malformed::Magic("config"));
        }
        if let Some(version) = bytes.get(8..10) {
            super::segment::check_version("config", u16::from_le_bytes([version[0], version[1]]))?;
        }
        if bytes.len() != CONFIG_BYTES {
            return Err(flaw(
                "length",
                &format!("{} bytes instead of {CONFIG_BYTES}", bytes.len()),
            ));
        }
        let stored: Stored = from_fixed("config", bytes)?;
        if stored.check != check(&bytes[..CHECKED_BYTES]).0 {
            return Err(flaw("check", "does not match the contents"));
        }
        check_flags("config", stored.incompatible)?;
        if stored.chunker != FAST_CDC_2020 {
            let detail = format!("chunker {}", stored.chunker);
            return Err(Malformed::NewerFeature {
                part: "config",
                detail,
            });
        }
        if stored.body_bytes != BODY_BYTES {
            return Err(flaw("body length", "is not that of this version"));
        }
        if stored.reserved != 0 || stored.reserved_body != [0; 28] {
            return Err(flaw("reserved", "is not zero"));
        }
        if stored.archive == [0; 16] {
            return Err(flaw("archive id", "is zero"));
        }
        let chunker = Chunker {
            min_bytes: stored.min_bytes,
            avg_bytes: stored.avg_bytes,
            max_bytes: stored.max_bytes,
            mask_s: stored.mask_s,
            mask_l: stored.mask_l,
            gear_seed: stored.gear_seed,
        };
        chunker.validate().map_err(|reason| flaw("chunker", reason))?;
        if !(-7..=22).contains(&stored.zstd_level) {
            return Err(flaw("zstd level", "is not one of −7 to 22"));
        }
        Ok(Self {
            archive: ArchiveId(stored.archive),
            created: stored.created,
            chunker,
            zstd_level: stored.zstd_level,
        })
    }
}

impl Chunker {
    /// Whether the cut rule is defined for these parameters.
    pub fn validate(&self) -> Result<(), &'static str> {
        let Self {
            min_bytes,
            avg_bytes,
            max_bytes,
            mask_s,
            mask_l,
            ..
        } = *self;
        if !(64 <= min_bytes && min_bytes <= avg_bytes && avg_bytes <= max_bytes && max_bytes <= CHUNK_BYTES)
        {
            return Err("the sizes do not ascend from 64 bytes to 8 MiB at most");
        }
        if [min_bytes, avg_bytes, max_bytes].iter().any(|size| size % 2 == 1) {
            return Err("a size is odd");
        }
        if [mask_s, mask_l].iter().any(|mask| *mask == 0 || mask >> 63 == 1) {
            return Err("a mask is zero or has its highest bit set");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            archive: ArchiveId([7; 16]),
            created: 1_790_000_000,
            chunker: Chunker::default(),
            zstd_level: 3,
        }
    }

    #[test]
    fn round_trip() {
        let bytes = config().encode();
        assert_eq!(bytes.len(), CONFIG_BYTES);
        assert_eq!(Config::decode(&bytes), Ok(config()));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let bytes = config().encode();
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[i] ^= 1 << bit;
                assert!(
                    matches!(Config::decode(&flipped), Err(Malformed::Flaw(_))),
                    "byte {i}"
                );
            }
            assert!(
                matches!(Config::decode(&bytes[..i]), Err(Malformed::Flaw(_))),
                "{i} bytes"
            );
        }
    }

    // F-020
    #[test]
    fn newer_is_called_newer() {
        let mut newer = config().encode();
        newer[8] = 2;
        newer[100] ^= 1;
        assert!(matches!(
            Config::decode(&newer),
            Err(Malformed::NewerVersion {
                found: 2,
                known: 1,
                ..
            })
        ));
        let mut feature = config().encode();
        feature[12] = 1;
        let check = check(&feature[..CHECKED_BYTES]);
        feature[CHECKED_BYTES..].copy_from_slice(&check.0);
        assert!(matches!(
            Config::decode(&feature),
            Err(Malformed::NewerFeature { .. })
        ));
    }
}
