//! Inputs at boundary lengths, and where they are cut.

use restante_format::wire::Chunker;
use serde_json::{Value, json};

/// Section 6 of the specification word for word: a plain loop over bytes, beside which the library's kernel is held.
pub struct Rule {
    chunker: Chunker,
    gear: [u64; 256],
}

impl Rule {
    /// The rule with these parameters.
    pub fn new(chunker: &Chunker) -> Self {
        Self {
            chunker: chunker.clone(),
            gear: gear_table(&chunker.gear_seed),
        }
    }

    /// The gear table.
    pub fn gear(&self) -> &[u64; 256] {
        &self.gear
    }

    /// The length of the first chunk of a region.
    pub fn cut(&self, b: &[u8]) -> usize {
        let Chunker {
            min_bytes,
            avg_bytes,
            max_bytes,
            mask_s,
            mask_l,
            ..
        } = self.chunker;
        let [min, avg, max] = [min_bytes, avg_bytes, max_bytes].map(|bytes| bytes as usize);
        let n = b.len();
        if n <= min {
            return n;
        }
        let n = n.min(max);
        let center = 2 * (avg.min(n) / 2);
        let end = 2 * (n / 2);
        let mut h = 0_u64;
        for (i, byte) in b.iter().enumerate().take(end).skip(min) {
            h = h.wrapping_mul(2).wrapping_add(self.gear[usize::from(*byte)]);
            let mask = if i < center { mask_s } else { mask_l };
            if h & mask == 0 {
                return i;
            }
        }
        n
    }
}

fn gear_table(seed: &[u8; 32]) -> [u64; 256] {
    let mut hasher = blake3::Hasher::new_derive_key("restante 2026 gear table v1");
    hasher.update(seed);
    let mut table = hasher.finalize_xof();
    std::array::from_fn(|_| {
        let mut bytes = [0; 8];
        table.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    })
}

fn xof(text: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new()
        .update(text.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// The bytes that an `input` of a chunking vector describes; `None` if it is of no known kind.
pub fn input_bytes(input: &Value) -> Option<Vec<u8>> {
    let len = input["length"].as_u64()? as usize;
    match input["kind"].as_str()? {
        "zeros" => Some(vec![0; len]),
        "xof" => Some(xof(input["text"].as_str()?, len)),
        "periodic" => {
            let period = xof(input["text"].as_str()?, input["period"].as_u64()? as usize);
            Some(period.iter().copied().cycle().take(len).collect())
        }
        _ => None,
    }
}

fn vector(name: &str, input: Value, chunker: &Chunker) -> Value {
    let bytes = input_bytes(&input).expect("a known kind");
    let mut lengths = Vec::new();
    let rule = Rule::new(chunker);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let len = rule.cut(rest);
        lengths.push(len);
        rest = &rest[len..];
    }
    json!({
        "name": name,
        "input": input,
        "params": {
            "min": chunker.min_bytes,
            "avg": chunker.avg_bytes,
            "max": chunker.max_bytes,
            "mask_s": format!("{:#018x}", chunker.mask_s),
            "mask_l": format!("{:#018x}", chunker.mask_l),
            "seed": restante_format::id::hex(&chunker.gear_seed),
        },
        "lengths": lengths,
    })
}

/// A few parameters, each with its name.
fn parameters() -> Vec<(&'static str, Chunker)> {
    let seeded = |byte: u8| Chunker {
        gear_seed: [byte; 32],
        ..Chunker::default()
    };
    let sized = |min_bytes, avg_bytes, max_bytes, mask_s, mask_l| Chunker {
        min_bytes,
        avg_bytes,
        max_bytes,
        mask_s,
        mask_l,
        gear_seed: std::array::from_fn(|i| i as u8),
    };
    vec![
        ("default", Chunker::default()),
        ("seeded", seeded(0xa5)),
        ("smallest", sized(64, 64, 64, 1, 1)),
        ("small", sized(64, 256, 1024, 0xffc0_0000, 0x0fc0_0000)),
        ("min-is-avg", sized(128, 128, 1000, 0x1f << 40, 0x1f << 40)),
        ("avg-is-max", sized(70, 702, 702, 0xff << 20, 1 << 62)),
        ("never", sized(66, 130, 1026, u64::MAX >> 1, u64::MAX >> 1)),
        ("at-once", sized(64, 128, 256, 1, 1)),
        (
            "large-steps",
            sized(16 << 10, 64 << 10, 8 << 20, 0xffff_8000, u64::MAX >> 1),
        ),
    ]
}

pub(super) fn vectors() -> Vec<Value> {
    let mut vectors = Vec::new();
    for (name, chunker) in parameters() {
        let text = format!("restante chunking {name}");
        let (min, avg, max) = (
            chunker.min_bytes as usize,
            chunker.avg_bytes as usize,
            chunker.max_bytes as usize,
        );
        let mut lengths: Vec<usize> = vec![0, 1, 2, min - 1];
        if max <= 256 << 10 {
            lengths.extend(
                [min, avg, max]
                    .iter()
                    .flat_map(|n| [n - 1, *n, n + 1, n + 2, n + 3]),
            );
            lengths.extend([2 * max - 1, 2 * max + 1, 3 * max + 7]);
        } else {
            // The rule past 256 KiB, without a file of many megabytes for each boundary.
            lengths.extend([min + 1, 600_001]);
        }
        lengths.sort_unstable();
        lengths.dedup();
        for length in lengths {
            let input = json!({"kind": "xof", "text": text, "length": length});
            vectors.push(vector(&format!("{name}: {length} bytes"), input, &chunker));
        }
        let long = (5 * max + 3).min(700_001);
        let zeros = json!({"kind": "zeros", "length": long});
        vectors.push(vector(&format!("{name}: zeros"), zeros, &chunker));
        for period in [1, 2, 3, 17, 255] {
            let input = json!({"kind": "periodic", "text": text, "period": period, "length": long});
            vectors.push(vector(&format!("{name}: period {period}"), input, &chunker));
        }
    }
    let input = json!({"kind": "xof", "text": "restante chunking long", "length": 2_000_003});
    vectors.push(vector("default: long", input, &Chunker::default()));
    vectors
}

#[cfg(test)]
mod tests {
    use super::*;
    use restante_format::chunk::Cutter;

    #[test]
    fn the_library_cuts_as_the_rule_says() {
        for (name, chunker) in parameters() {
            assert_eq!(chunker.validate(), Ok(()), "{name}");
            let bytes = xof(name, 300_000);
            let (cutter, rule) = (Cutter::new(&chunker), Rule::new(&chunker));
            for len in [0, 1, 63, 64, 65, 1025, 300_000] {
                let region = &bytes[..len];
                assert_eq!(cutter.cut(region), rule.cut(region), "{name}, {len} bytes");
            }
        }
    }
}
