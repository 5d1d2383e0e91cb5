//! Which files a workload has, and what is in them.

use std::collections::BTreeSet;

use crate::prng::Rng;

use super::text::{self, Person};
use super::{BACKUPS, CCMAIL, CONNDATA, EXCHSRVR, GROUPWISE_API, MAILDATA, NOTES, TABLES, Workload};

/// What fills a file.
pub(super) enum Content {
    /// A correlation table.
    Table { pages: u64 },
    /// Bytes that do not compress, after a few that say what it is.
    Random { bytes: u64, magic: &'static [u8] },
    /// A mail of about this size.
    Mail { bytes: u64 },
    /// A directory listing of fixed-width records.
    Records { count: u64, width: usize },
    /// The headers of a mailbox's mails, as fixed-width records.
    Headers { mailbox: u64, count: u64 },
    /// A key file: counters and slots.
    Key { mailbox: u64 },
    /// Half text, half bytes that do not compress: programs and databases.
    Mixed { bytes: u64, magic: &'static [u8] },
    /// Mapping rules.
    Rules { count: usize },
    /// A log of about this size.
    Log { bytes: usize },
    /// These bytes.
    Exactly(Vec<u8>),
}

/// Width of a record in a `.MBG` file, bytes.
pub(super) const HEADER_BYTES: usize = 116;
/// Size of a `.KEY` file, bytes.
pub(super) const KEY_BYTES: usize = 560;

/// One file to be made.
pub(super) struct Job {
    /// Below the root.
    pub(super) path: String,
    pub(super) content: Content,
}

/// All files, the large ones first so that two threads end together, and all directories, parents first.
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    pub(super) directories: BTreeSet<String>,
}

/// Some size between the powers `low` and `high` of two; small ones are as frequent as large ones.
fn size(rng: &mut Rng, low: u64, high: u64) -> u64 {
    let power = low + rng.below(high - low);
    (1 << power) + rng.below(1 << power)
}

/// The size of a mail: mostly 1 to 16 KiB, now and then more.
pub(super) fn mail_bytes(rng: &mut Rng) -> u64 {
    if rng.one_in(10) {
        size(rng, 14, 15)
    } else {
        size(rng, 10, 14)
    }
}

/// One record of a `.MBG` file.
pub(super) fn header_record(rng: &mut Rng, record: &mut [u8]) {
    let sender = Person::any(rng);
    record.fill(0);
    record[0..4].copy_from_slice(&(rng.next_u64() as u32).to_le_bytes());
    record[4..8].copy_from_slice(&(983_000_000 + rng.below(10_000_000) as u32).to_le_bytes());
    record[8..10].copy_from_slice(&(rng.below(1 << 15) as u16).to_le_bytes());
    let line = format!(
        "{} {}\0Re: {} {}\0",
        sender.first,
        sender.last,
        sender.department,
        rng.below(1000)
    );
    let line = &line.as_bytes()[..line.len().min(HEADER_BYTES - 16)];
    record[16..16 + line.len()].copy_from_slice(line);
}

impl Content {
    /// Writes the content into `out`, whatever was in it. Tables are written by pages instead.
    pub(super) fn generate(&self, seed: u64, path: &str, out: &mut Vec<u8>) {
        let mut rng = Rng::derive(seed, path, 0);
        out.clear();
        match self {
            Self::Table { .. } => {}
            Self::Random { bytes, magic } => {
                out.resize(*bytes as usize, 0);
                rng.fill(out);
                let magic = &magic[..magic.len().min(out.len())];
                out[..magic.len()].copy_from_slice(magic);
            }
            Self::Mail { bytes } => text::mail(&mut rng, *bytes as usize, out),
            Self::Records { count, width } => {
                out.resize(*count as usize * width, 0);
                for (number, record) in out.chunks_exact_mut(*width).enumerate() {
                    let person = Person::of_mailbox(seed, number as u64);
                    let text = format!("{:04X}{} {}\0{}", number, person.first, person.last, person.site);
                    let text = &text.as_bytes()[..text.len().min(*width)];
                    record[..text.len()].copy_from_slice(text);
                }
            }
            Self::Headers { mailbox, count } => {
                let mut rng = Rng::derive(seed, "headers", *mailbox);
                out.resize(*count as usize * HEADER_BYTES, 0);
                out.chunks_exact_mut(HEADER_BYTES)
                    .for_each(|record| header_record(&mut rng, record));
            }
            Self::Key { mailbox } => {
                let person = Person::of_mailbox(seed, *mailbox);
                out.resize(KEY_BYTES, 0);
                out[0..4].copy_from_slice(&(*mailbox as u32).to_le_bytes());
                let name = format!("{} {}", person.first, person.last);
                out[8..8 + name.len()].copy_from_slice(name.as_bytes());
                for slot in out[64..].chunks_exact_mut(4).take(24) {
                    slot.copy_from_slice(&(rng.below(1 << 16) as u32).to_le_bytes());
                }
            }
            Self::Mixed { bytes, magic } => {
                out.extend_from_slice(magic);
                while (out.len() as u64) < *bytes {
                    let mut noise = [0; 256];
                    rng.fill(&mut noise);
                    out.extend_from_slice(&noise);
                    text::mail(&mut rng, 700, out);
                }
                out.truncate(*bytes as usize);
            }
            Self::Rules { count } => out.append(&mut text::mapping_rules(&mut rng, *count)),
            Self::Log { bytes } => out.append(&mut text::log(&mut rng, *bytes)),
            Self::Exactly(bytes) => out.extend_from_slice(bytes),
        }
    }
}

impl Plan {
    pub(super) fn of(workload: &Workload) -> Self {
        let mut plan = Self {
            jobs: Vec::new(),
            directories: BTreeSet::new(),
        };
        for path in workload.tables() {
            plan.add(
                path,
                Content::Table {
                    pages: workload.pages_per_table(),
                },
            );
        }
        plan.attachments(workload);
        plan.post_office(workload);
        plan.conndata();
        plan.clients();
        plan.backups();
        let parents: Vec<String> = plan.jobs.iter().map(|job| job.path.clone()).collect();
        for mut path in parents.iter().map(String::as_str).chain([""]) {
            while let Some((parent, _)) = path.rsplit_once('/') {
                if !plan.directories.insert(parent.to_owned()) {
                    break;
                }
                path = parent;
            }
        }
        plan.directories.insert(String::new());
        plan
    }

    fn add(&mut self, path: String, content: Content) {
        self.jobs.push(Job { path, content });
    }

    fn text(&mut self, path: String, text: &str) {
        self.add(path, Content::Exactly(text.replace('\n', "\r\n").into_bytes()));
    }

    /// A directory that may stay empty, with all above it.
    fn directory(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.directories.insert(path[..at].to_owned());
        }
        self.directories.insert(path.to_owned());
    }

    fn attachments(&mut self, workload: &Workload) {
        const MAGIC: [&[u8]; 3] = [
            b"PK\x03\x04\x14\0\0\0\x08\0",
            b"\xff\xd8\xff\xe0\0\x10JFIF\0",
            b"\x1f\x8b\x08",
        ];
        let mut rng = Rng::derive(workload.seed, "attachments", 0);
        // None of them may be most of a small workload.
        let high = (workload.attachments_bytes / 8).max(1 << 12).ilog2().min(21);
        let mut left = workload.attachments_bytes;
        let mut sizes = Vec::new();
        while left > 0 {
            let bytes = size(&mut rng, 11, u64::from(high)).min(left);
            left -= bytes;
            sizes.push(bytes);
        }
        for (number, bytes) in (0..).zip(sizes) {
            let magic = rng.pick(&MAGIC);
            let path = format!("{MAILDATA}/ATT/{:08X}.ATT", super::scramble(number) ^ 0x0a77_0000);
            self.add(path, Content::Random { bytes, magic });
        }
    }

    /// The shadow post office with its size rules.
    fn post_office(&mut self, workload: &Workload) {
        let (boxes, mails) = (workload.mailboxes(), workload.mails());
        let mut rng = Rng::derive(workload.seed, "mails", 0);
        for mail in 0..mails {
            self.add(
                workload.mail_path(mail),
                Content::Mail {
                    bytes: mail_bytes(&mut rng),
                },
            );
        }
        for mailbox in 0..boxes {
            let count = mails / boxes + u64::from(mailbox < mails % boxes);
            self.add(workload.mailbox_path(mailbox, "KEY"), Content::Key { mailbox });
            self.add(
                workload.mailbox_path(mailbox, "MBG"),
                Content::Headers { mailbox, count },
            );
        }
        let in_glb = |name: &str| format!("{MAILDATA}/GLB/{name}.GLB");
        let fixed = |bytes: u64| Content::Records {
            count: 1,
            width: bytes as usize,
        };
        self.add(in_glb("MASTER"), fixed(176));
        self.add(in_glb("CONTROL"), fixed(8));
        self.add(in_glb("FLAG"), Content::Exactly(vec![0, 1]));
        self.add(
            in_glb("TID"),
            Content::Exactly((mails as u32).to_le_bytes().to_vec()),
        );
        self.add(
            in_glb("ACCESS"),
            Content::Records {
                count: boxes,
                width: 586,
            },
        );
        self.add(
            in_glb("ACCESS2"),
            Content::Records {
                count: boxes,
                width: 69,
            },
        );
        self.add(
            in_glb("ACCESS3"),
            Content::Records {
                count: boxes,
                width: 512,
            },
        );
        self.add(in_glb("NETWORK"), Content::Records { count: 9, width: 122 });
        self.add(
            in_glb("REQTRANS"),
            Content::Records {
                count: boxes / 4 + 3,
                width: 64,
            },
        );
        self.add(
            in_glb("REQCONF"),
            Content::Exactly((boxes as u32 / 4 + 3).to_le_bytes().to_vec()),
        );
        self.add(
            in_glb("GALINDEX"),
            Content::Records {
                count: boxes,
                width: 16,
            },
        );
        for (name, count) in [
            ("GAL", boxes),
            ("ADMIN", boxes / 3 + 1),
            ("LOCAL", boxes / 2 + 1),
            ("EMPTY", 0),
        ] {
            self.add(
                format!("{MAILDATA}/NME/{name}.NME"),
                Content::Records { count, width: 45 },
            );
        }
        for post_office in 0..4 {
            let name = format!("{:08X}", 0x0001_0000 + post_office);
            self.add(
                format!("{MAILDATA}/USR/{name}.USR"),
                Content::Records {
                    count: boxes / 8,
                    width: 53,
                },
            );
            self.add(
                format!("{MAILDATA}/XTN/{name}.XTN"),
                Content::Records { count: 3, width: 698 },
            );
            self.add(
                format!("{MAILDATA}/GRP/{name}.GRP"),
                Content::Records { count: 12, width: 32 },
            );
        }
        for list in 0..6 {
            let members: Vec<u8> = (0..(list * 70))
                .flat_map(|i: u32| (i * 3).to_le_bytes())
                .collect();
            self.add(
                format!("{MAILDATA}/MEM/{list:08X}.MEM"),
                Content::Exactly(members),
            );
        }
        for (mailbox, empty) in [(0, false), (1, true), (2, false)] {
            let count = if empty { 0 } else { 40 };
            self.add(
                format!("{MAILDATA}/CAL/{mailbox:08X}.CAL"),
                Content::Records { count, width: 48 },
            );
            self.add(
                format!("{MAILDATA}/MMF/{mailbox:08X}.MMF"),
                Content::Mixed {
                    bytes: 9_000,
                    magic: b"MMF1",
                },
            );
        }
        self.add(
            format!("{MAILDATA}/FOLDERS/PUB/00000001.FLD"),
            Content::Mail { bytes: 5_000 },
        );
        self.add(format!("{MAILDATA}/LOG/PCMTA.LOG"), Content::Log { bytes: 8_000 });
        self.add(
            format!("{MAILDATA}/LOG/SESSION.LOG"),
            Content::Exactly(Vec::new()),
        );
        self.add(
            format!("{MAILDATA}/TPL/LAN.TPL"),
            Content::Records { count: 20, width: 80 },
        );
        self.text(
            format!("{MAILDATA}/INI/MSMAIL.INI"),
            "[Microsoft Mail]\nServerPath=M:\nPollingInterval=10\n",
        );
        self.text(
            format!("{MAILDATA}/INF/ADMIN.INF"),
            "Shadow post office of the connector\n",
        );
        self.add(format!("{MAILDATA}/INF/NONE.INF"), Content::Exactly(Vec::new()));
        for empty in ["FOLDERS/LOC", "HLP", "P1"] {
            self.directory(&format!("{MAILDATA}/{empty}"));
        }
        for x in 0..16 {
            self.directory(&format!("{MAILDATA}/MAI/MA{x:X}"));
        }
    }

    fn conndata(&mut self) {
        let rules = [
            "Dxamex/Amap.tbl",
            "Dxamex/Mapnotes.tbl",
            "Dxanotes/Amap.tbl",
            "Dxanotes/Mapmex.tbl",
            "DxaGwise/Mapgwise.tbl",
            "DxaGwise/Amap.tbl",
        ];
        for (number, name) in rules.into_iter().enumerate() {
            self.add(
                format!("{CONNDATA}/{name}"),
                Content::Rules {
                    count: 24 + 5 * number,
                },
            );
        }
        // What Dxanotes sends next is what Dxamex expects next (Q243187).
        self.text(
            format!("{CONNDATA}/Dxanotes/Pcta.tbl"),
            "inboundseq       1207\noutboundseq      1349\nsendcount        0\n",
        );
        self.text(
            format!("{CONNDATA}/Dxamex/Pcta.tbl"),
            "inboundseq       1349\noutboundseq      1207\nsendcount        0\n",
        );
        self.text(
            format!("{CONNDATA}/Exchconn.ini"),
            "[LME-NOTES-DXAMEX]\nFilterRule=ISEQUAL( Hidden, \"0\", true, false )\nPollInterval=60\n\n\
             [LME-NOTES-DXANOTES]\nFilterRule=\n\n[LME-GWISE-DXAMEX]\nFilterRule=\n",
        );
        self.text(
            format!("{TABLES}/Usn.tbl"),
            "LME-NOTES        204815\nLME-GWISE        204790\n",
        );
        self.text(format!("{CONNDATA}/Dxanotes/outbound.seq"), "1349\n");
        self.text(format!("{CONNDATA}/Dxamex/inbound.SEQ"), "1349\n");
        self.add(
            format!("{CONNDATA}/Dxanotes/dxanotes.ck"),
            Content::Exactly(Vec::new()),
        );
        self.add(
            format!("{CONNDATA}/DxaGwise/dxagwise.Ck"),
            Content::Records { count: 2, width: 32 },
        );
        self.add(
            format!("{CONNDATA}/Temp/dxamex.txt"),
            Content::Records { count: 20, width: 96 },
        );
        self.text(format!("{CONNDATA}/Temp/restart.seq"), "7\n");
        for number in 0..3 {
            let path = format!("{CONNDATA}/Gwrouter/togwise/{:08x}.api", 0x3a00_0000 + number);
            self.add(path, Content::Mail { bytes: 1_500 });
        }
        self.directory(&format!("{CONNDATA}/Gwrouter/freebusy"));
        self.directory(&format!("{CONNDATA}/Gwrouter/badfiles"));
        self.directory(&format!("{EXCHSRVR}/Bin"));
    }

    /// The Notes client, cc:Mail's programs and the GroupWise API directory.
    fn clients(&mut self) {
        const PROGRAM: &[u8] = b"MZ\x90\0\x03\0\0\0";
        self.text(
            format!("{NOTES}/Notes.ini"),
            "[Notes]\nDirectory=C:\\Lotus\\Notes\\Data\nKeyFilename=user.id\nTCPIP=TCP,0,15,0\n",
        );
        self.add(
            format!("{NOTES}/user.id"),
            Content::Random {
                bytes: 2_893,
                magic: b"\x01\0\x01\0",
            },
        );
        for name in ["names", "desktop6", "bookmark", "cache"] {
            let content = Content::Mixed {
                bytes: 24_576,
                magic: b"\x1a\0\0\x04\0\0",
            };
            self.add(format!("{NOTES}/Data/{name}.nsf"), content);
        }
        for name in ["nlnotes.exe", "nnotes.dll", "nxlibc.dll", "nstrings.dll"] {
            self.add(
                format!("{NOTES}/{name}"),
                Content::Mixed {
                    bytes: 16_384,
                    magic: PROGRAM,
                },
            );
        }
        self.directory(&format!("{NOTES}/Data/modems"));
        for name in ["IMPORT.EXE", "EXPORT.EXE", "IE.RI", "VIMVB32.DLL"] {
            self.add(
                format!("{CCMAIL}/{name}"),
                Content::Mixed {
                    bytes: 12_288,
                    magic: PROGRAM,
                },
            );
        }
        self.add(format!("{CCMAIL}/Ccmcdata/ccmc.log"), Content::Log { bytes: 900 });
        self.directory(&format!("{CCMAIL}/Ccmcdata/Submit/bad"));
        for number in 0..2 {
            let path = format!("{CCMAIL}/Ccmcdata/Submit/{number:08x}.ccm");
            self.add(path, Content::Mail { bytes: 1_200 });
        }
        for name in ["API_IN", "API_OUT", "ATT_IN", "ATT_OUT", "GWHOLD", "WPCSOUT"] {
            self.directory(&format!("{GROUPWISE_API}/{name}"));
        }
        for priority in 0..8 {
            self.directory(&format!("{GROUPWISE_API}/WPCSIN/{priority}"));
        }
        self.add(
            format!("{GROUPWISE_API}/API_OUT/3a0f11c2.api"),
            Content::Mail { bytes: 1_100 },
        );
        self.add(
            format!("{GROUPWISE_API}/ATT_OUT/3a0f11c2.001"),
            Content::Random {
                bytes: 700,
                magic: b"",
            },
        );
    }

    fn backups(&mut self) {
        const TAPE: &[u8] = b"TAPE\0\0\x04\0\x0c\0\0\0\x0e";
        for (name, bytes) in [("SystemState", 180_000), ("FirstStorageGroup", 250_000)] {
            self.add(
                format!("{BACKUPS}/{name}.bkf"),
                Content::Mixed { bytes, magic: TAPE },
            );
        }
        self.text(
            format!("{BACKUPS}/Notes.reg"),
            "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus\\Notes]\n\"Version\"=\"5.0\"\n",
        );
    }
}
