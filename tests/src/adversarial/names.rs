//! Names and paths, and how many of them.

use std::io;

use super::{Maker, Options, Place};

pub(super) fn make(maker: &mut Maker, root: &Place, options: &Options) -> io::Result<()> {
    odd_names(maker, root)?;
    let bytes = maker.theme(root, "bytes")?;
    for byte in 1..=255_u8 {
        if byte != b'/' && byte != b'.' {
            maker.file(&bytes, [byte], &[byte])?;
        }
    }
    let many = maker.theme(root, "many")?;
    for number in 0..4_000_u32 {
        // Names sorted by their bytes are not sorted by number, and some are each other's beginning.
        let bytes = number.to_le_bytes();
        maker.file(
            &many,
            format!("{number}"),
            if number % 3 == 0 { &[] } else { &bytes },
        )?;
    }
    let empty = maker.theme(root, "empty")?;
    maker.file(&empty, "file", b"")?;
    if let Some(directory) = maker.directory(&empty, "directory")? {
        maker.directory(&directory, "within")?;
    }
    // 4,000 bytes below the root: with the path of the root it is about `PATH_MAX`, 4,096 with its ending zero.
    chain(maker, root, "deep", &[b'd'; 221], 18)?;
    chain(maker, root, "levels", b"l", 1_000)?;
    if options.beyond {
        let beyond = maker.theme(root, "beyond")?;
        chain(maker, &beyond, "long", &[b'n'; 255], 40)?;
        chain(maker, &beyond, "levels", b"l", 3_000)?;
    }
    Ok(())
}

/// `levels` directories called `name`, each within the one before, with a file in the last and in some between.
fn chain(maker: &mut Maker, root: &Place, first: &str, name: &[u8], levels: u32) -> io::Result<()> {
    let mut here = maker.theme(root, first)?;
    for level in 0..levels {
        if level % 200 == 100 {
            maker.file(&here, "between", &level.to_le_bytes())?;
        }
        let Some(mut next) = maker.directory(&here, name)? else {
            return Ok(());
        };
        // Whole paths of all levels would be quadratic, and tell nothing.
        next.path = format!("{first}/…{level}");
        here = next;
    }
    maker.file(&here, "bottom", b"you found me\n")?;
    maker.symlink(&here, "up", b"../..")
}

fn odd_names(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let names = maker.theme(root, "names")?;
    let three_bytes_each = "\u{20ac}".repeat(85);
    let texts = [
        "...",
        "..a",
        " ",
        "  ",
        "~",
        "~root",
        "-",
        "--",
        "-rf",
        "--help",
        "trailing space ",
        "trailing dot.",
        " leading space",
        "new\nline",
        "\n",
        "tab\tand\rreturn",
        "escape\u{1b}[31mred",
        "bell\u{7}",
        "delete\u{7f}",
        "quote\"s 'and' `ticks`",
        "back\\slash",
        "\\",
        "*",
        "?",
        "[a-z]",
        "{a,b}",
        "$HOME",
        "$(true)",
        "%2F",
        "%s%n",
        "a:b",
        "C:",
        "\\\\?\\UNC",
        "#comment",
        "!bang",
        "; true",
        "a & b | c > d",
        "CON",
        "nul.txt",
        "aux",
        "README",
        "readme",
        "ReadMe",
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{212b}",
        "\u{e5}",
        "\u{c5}",
        "\u{202e}txt.exe",
        "zero\u{200b}width",
        "\u{feff}mark",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{1f4ee}",
        "stra\u{df}e",
        "STRASSE",
        "\u{130}",
        ".hidden",
        ".restante",
        "file.tmp",
        "file~",
        &three_bytes_each,
    ];
    for text in texts {
        maker.file(&names, text, text.as_bytes())?;
    }
    let not_utf8: [&[u8]; 8] = [
        b"\xff",
        b"\xfe\xff",
        b"latin \xe9t\xe9",
        b"cut \xe2\x82",
        b"lone \x80",
        b"surrogate \xed\xa0\x80",
        b"overlong \xc0\xaf",
        b"past the end \xf4\x90\x80\x80",
    ];
    for name in not_utf8 {
        maker.file(&names, name, name)?;
    }
    for (name, letter) in [("file", b'f'), ("directory", b'd'), ("symlink", b's')] {
        let long = vec![letter; 255];
        match name {
            "file" => drop(maker.file(&names, &long, b"long")?),
            "directory" => {
                if let Some(place) = maker.directory(&names, &long)? {
                    maker.file(&place, vec![0xff; 255], b"longer")?;
                }
            }
            _ => maker.symlink(&names, &String::from_utf8_lossy(&long), &long)?,
        }
    }
    // One name with the other as its beginning, as file and as directory: sorting with and without `/` differs.
    for name in ["sort", "sort-", "sort.", "sort0"] {
        let place = maker.directory(&names, format!("{name}.d"))?;
        if let Some(place) = place {
            maker.file(&place, "x", b"x")?;
        }
        maker.file(&names, name, b"")?;
    }
    Ok(())
}
