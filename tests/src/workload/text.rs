//! People and prose: what the records and mails of the workload say.

use crate::prng::Rng;

const FIRST: [&str; 64] = [
    "Adam", "Agnes", "Alan", "Alice", "Amir", "Andrea", "Anna", "Arthur", "Barbara", "Ben", "Birgit",
    "Carla", "Carlos", "Chen", "Claire", "Daniel", "Deborah", "Diego", "Edith", "Elena", "Emil", "Erik",
    "Eva", "Farid", "Fiona", "Frank", "George", "Grace", "Hanna", "Helen", "Henry", "Ingrid", "Isaac",
    "Jana", "Jean", "John", "Judith", "Karen", "Karl", "Laura", "Lars", "Linda", "Louis", "Magda", "Maria",
    "Mark", "Mei", "Michael", "Nadia", "Nils", "Olga", "Oscar", "Paul", "Peter", "Priya", "Rachel", "Robert",
    "Rosa", "Samuel", "Sofia", "Susan", "Thomas", "Ulrich", "Vera",
];

const LAST: [&str; 96] = [
    "Adler",
    "Almeida",
    "Anders",
    "Bauer",
    "Becker",
    "Berg",
    "Bianchi",
    "Blake",
    "Brandt",
    "Brown",
    "Carter",
    "Castro",
    "Clark",
    "Cohen",
    "Conti",
    "Cooper",
    "Costa",
    "Dahl",
    "Davies",
    "Delgado",
    "Dietrich",
    "Dubois",
    "Eklund",
    "Evans",
    "Farkas",
    "Ferrari",
    "Fischer",
    "Fontaine",
    "Foster",
    "Fuchs",
    "Garcia",
    "Graham",
    "Gruber",
    "Haas",
    "Hansen",
    "Harris",
    "Hoffmann",
    "Horvat",
    "Hughes",
    "Ito",
    "Jansen",
    "Jensen",
    "Johnson",
    "Kaiser",
    "Kaplan",
    "Keller",
    "Khan",
    "Kim",
    "Kovacs",
    "Krause",
    "Lambert",
    "Larsen",
    "Lehmann",
    "Lindqvist",
    "Lopez",
    "Martin",
    "Mayer",
    "Mehta",
    "Meyer",
    "Moreau",
    "Morgan",
    "Moser",
    "Nagy",
    "Nielsen",
    "Novak",
    "Olsen",
    "Ortega",
    "Park",
    "Patel",
    "Petrov",
    "Popescu",
    "Ramos",
    "Richter",
    "Rossi",
    "Roth",
    "Sanders",
    "Sato",
    "Schmidt",
    "Schneider",
    "Silva",
    "Singh",
    "Stein",
    "Sullivan",
    "Tanaka",
    "Taylor",
    "Torres",
    "Vogel",
    "Wagner",
    "Walker",
    "Weber",
    "Weiss",
    "Williams",
    "Winter",
    "Wright",
    "Young",
    "Zimmer",
];

pub(super) const DEPARTMENTS: [&str; 12] = [
    "Sales",
    "Finance",
    "Purchasing",
    "Production",
    "Research",
    "Legal",
    "Personnel",
    "Shipping",
    "Service",
    "Marketing",
    "Training",
    "Data Processing",
];

pub(super) const SITES: [&str; 5] = ["Vienna", "Lyon", "Leeds", "Porto", "Malmo"];

const SENTENCES: [&str; 40] = [
    "Thank you for your message of yesterday, which I have passed on to the department concerned.",
    "Please find attached the figures for the last quarter, as agreed in our meeting on Monday.",
    "Could you let me know by the end of the week whether the date suits everybody?",
    "The order has been confirmed by the supplier and will be delivered in two parts.",
    "I will be out of the office until next Thursday and shall answer after my return.",
    "As far as I know the contract has not been signed yet, so nothing is settled.",
    "The printer on the second floor is out of order again; a technician has been called.",
    "We would like to invite you to the presentation of the new price list.",
    "Unfortunately the shipment was held up at the border for want of a document.",
    "The minutes of the meeting are in the public folder, with all the corrections made so far.",
    "May I remind you that the travel expenses have to be handed in before the fifteenth?",
    "There will be a short interruption of the mail service tonight between ten and eleven.",
    "The customer asks for a second offer with longer terms of payment.",
    "Everyone who has not changed the password yet is asked to do so this week.",
    "According to the schedule the test run starts as soon as the parts have arrived.",
    "We have compared both offers, and the second one is clearly the better choice for us.",
    "The room on the ground floor is taken, so we shall meet in the library instead.",
    "If there are any questions, please do not hesitate to call me at any time.",
    "The warehouse reports that the stock of spare parts is running low.",
    "I have corrected the addresses in the directory; they will show up after the next run.",
    "Please forward this to all the people on your distribution list.",
    "The new version was installed on the test server and has been running since without trouble.",
    "Our colleagues in the other office have the same problem, and no solution either.",
    "Let us wait for the decision of the board before we order anything.",
    "The invoice was paid twice by mistake; the accounts department will take care of it.",
    "Two applicants have been invited for an interview on Wednesday afternoon.",
    "The training starts at nine o'clock sharp, and coffee will be served in the break.",
    "All the changes are marked in the margin so that they can be checked quickly.",
    "I have spoken with the manufacturer, who promises a replacement within ten days.",
    "The report is nearly done; only the summary and two of the diagrams are missing.",
    "Your holiday has been approved and entered into the calendar.",
    "The numbers in the third column do not agree with those of the previous report.",
    "Please send me the address of the hotel and the telephone number of the front desk.",
    "The connector was stopped for maintenance, and the queue is being worked off now.",
    "We expect the auditors on the third of the month and need all the documents by then.",
    "Nobody has answered my question yet, so I ask it once more.",
    "The copies for the archive are ready and can be picked up in the registry.",
    "After the reorganisation the team will report to a different manager.",
    "The lease of the two cars ends in the autumn and should not be renewed.",
    "Kindly confirm that you have received this message and its attachment.",
];

const WORDS: [&str; 120] = [
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "for",
    "is",
    "on",
    "that",
    "with",
    "be",
    "by",
    "this",
    "we",
    "are",
    "as",
    "from",
    "it",
    "not",
    "will",
    "have",
    "or",
    "at",
    "new",
    "more",
    "an",
    "has",
    "can",
    "our",
    "was",
    "one",
    "order",
    "price",
    "date",
    "week",
    "number",
    "part",
    "office",
    "report",
    "offer",
    "account",
    "meeting",
    "plan",
    "change",
    "list",
    "month",
    "point",
    "system",
    "server",
    "copy",
    "letter",
    "budget",
    "cost",
    "delivery",
    "machine",
    "project",
    "question",
    "answer",
    "sample",
    "market",
    "customer",
    "figure",
    "contract",
    "quarter",
    "total",
    "stock",
    "unit",
    "model",
    "series",
    "branch",
    "supplier",
    "tender",
    "margin",
    "forecast",
    "average",
    "increase",
    "decrease",
    "discount",
    "freight",
    "customs",
    "insurance",
    "quality",
    "defect",
    "repair",
    "warranty",
    "software",
    "network",
    "printer",
    "address",
    "directory",
    "mailbox",
    "gateway",
    "schedule",
    "deadline",
    "vacancy",
    "salary",
    "overtime",
    "training",
    "visitor",
    "catalogue",
    "brochure",
    "exhibition",
    "turnover",
    "reserve",
    "payment",
    "reminder",
    "receipt",
    "balance",
    "draft",
    "version",
    "appendix",
    "summary",
    "diagram",
    "column",
    "decision",
    "approval",
    "signature",
    "archive",
    "registry",
];

const DISCLAIMER: &str = "\r\n-- \r\nThis message is meant for its addressee only. If it has reached you by \
    mistake, please tell the sender and delete it. Views expressed in it are those of the writer.\r\n";

/// Someone in the directory.
pub(super) struct Person {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) department: &'static str,
    pub(super) site: &'static str,
    /// Tells namesakes apart.
    pub(super) number: u64,
}

impl Person {
    pub(super) fn any(rng: &mut Rng) -> Self {
        Self {
            first: FIRST[rng.below(FIRST.len() as u64) as usize],
            last: LAST[rng.below(LAST.len() as u64) as usize],
            department: DEPARTMENTS[rng.skewed(DEPARTMENTS.len() as u64) as usize],
            site: SITES[rng.skewed(SITES.len() as u64) as usize],
            number: rng.below(9_000),
        }
    }

    /// The owner of a mailbox.
    pub(super) fn of_mailbox(seed: u64, mailbox: u64) -> Self {
        Self {
            number: mailbox,
            ..Self::any(&mut Rng::derive(seed, "person", mailbox))
        }
    }
}

/// A day of 2001, from 1 to 28, and a time, as mails write them.
fn date(rng: &mut Rng) -> String {
    let month = rng.pick(&["Jan", "Feb", "Mar", "Apr", "May"]);
    let (day, hour) = (1 + rng.below(28), 7 + rng.below(12));
    format!(
        "{day:02} {month} 2001 {hour:02}:{:02}:{:02} +0100",
        rng.below(60),
        rng.below(60)
    )
}

fn body(rng: &mut Rng, until: usize, out: &mut Vec<u8>) {
    while out.len() < until {
        out.extend_from_slice(b"\r\n");
        for _ in 0..=rng.below(6) {
            if !rng.one_in(4) {
                for _ in 0..6 + rng.below(10) {
                    out.extend_from_slice(WORDS[rng.skewed(WORDS.len() as u64) as usize].as_bytes());
                    out.push(b' ');
                }
                out.extend_from_slice(format!("{}.", rng.below(10_000)).as_bytes());
            } else {
                out.extend_from_slice(rng.pick(&SENTENCES).as_bytes());
            }
            out.extend_from_slice(if rng.one_in(3) { b"\r\n" } else { b"  " });
        }
    }
}

/// Appends a mail of about `bytes` bytes: header, prose, an answered mail quoted below, a disclaimer.
pub(super) fn mail(rng: &mut Rng, bytes: usize, out: &mut Vec<u8>) {
    let (from, to) = (Person::any(rng), Person::any(rng));
    let header = format!(
        "From: {} {} <{}/{}/EXAMPLE>\r\nTo: {} {} <{}/{}/EXAMPLE>\r\nDate: {}\r\nMessage-Id: \
         <{:016X}.{:08X}@mail.example>\r\nSubject: {} {} {}\r\nX-Mailer: PC Mail for Windows 3.5\r\n",
        from.first,
        from.last,
        from.site,
        from.department,
        to.first,
        to.last,
        to.site,
        to.department,
        date(rng),
        rng.next_u64(),
        rng.below(1 << 32),
        rng.pick(&["Re:", "Fw:", "Re: Re:", ""]),
        rng.pick(&WORDS[32..]),
        rng.below(1000),
    );
    let start = out.len();
    out.extend_from_slice(header.as_bytes());
    let end = start + bytes.saturating_sub(DISCLAIMER.len());
    let quoted_from = out.len();
    body(rng, quoted_from + end.saturating_sub(quoted_from) * 3 / 4, out);
    let answered: Vec<u8> = out[quoted_from..].to_vec();
    out.extend_from_slice(b"\r\n");
    for text in answered.split_inclusive(|&byte| byte == b'\n') {
        if out.len() >= end {
            break;
        }
        out.extend_from_slice(b"> ");
        out.extend_from_slice(text);
    }
    out.extend_from_slice(DISCLAIMER.as_bytes());
}

/// Lines of a log, about `bytes` bytes of them.
pub(super) fn log(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while out.len() < bytes {
        let event = rng.pick(&[
            "message delivered to post office",
            "directory transaction received",
            "connection opened",
            "connection closed by peer",
            "retry scheduled",
        ]);
        let line = format!(
            "2001-06-{:02} {:02}:{:02}:{:02}  {:08X}  {event}\r\n",
            1 + rng.below(28),
            rng.below(24),
            rng.below(60),
            rng.below(60),
            rng.below(1 << 32),
        );
        out.extend_from_slice(line.as_bytes());
    }
    out
}

/// Mapping rules as the directory synchronisation reads them: spaces, no tabs.
pub(super) fn mapping_rules(rng: &mut Rng, rules: usize) -> Vec<u8> {
    const ATTRIBUTES: [&str; 10] = [
        "FullName",
        "Office",
        "Phone",
        "Fax",
        "Department",
        "Company",
        "Title",
        "Location",
        "Alias",
        "Comment",
    ];
    let mut out = String::from("; mapping rules: target = expression\r\n");
    for rule in 0..rules {
        let (target, source) = (ATTRIBUTES[rule % ATTRIBUTES.len()], rng.pick(&ATTRIBUTES));
        let rule = match rng.below(3) {
            0 => format!("{target:<14} = {source}\r\n"),
            1 => format!("{target:<14} = ISEQUAL( {source}, \"\", \"unknown\", {source} )\r\n"),
            _ => format!("{target:<14} = SUBSTR( {source}, 1, {} )\r\n", 8 + rng.below(56)),
        };
        out.push_str(&rule);
    }
    out.into_bytes()
}
