//! Names of the system as bytes and back: as they are on Unix, WTF-8 on Windows.

use std::ffi::{OsStr, OsString};
use std::io;

/// The bytes of a name or path.
#[cfg(unix)]
pub fn from_os(name: &OsStr) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(name).to_vec()
}

/// The name or path with these bytes.
#[cfg(unix)]
pub fn to_os(bytes: &[u8]) -> io::Result<OsString> {
    Ok(std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec()))
}

/// The WTF-8 bytes of a name or path.
#[cfg(windows)]
pub fn from_os(name: &OsStr) -> Vec<u8> {
    use std::os::windows::ffi::OsStrExt;
    let mut bytes = Vec::new();
    for unit in char::decode_utf16(name.encode_wide()) {
        match unit {
            Ok(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                // A lone surrogate, as if it were a character of three bytes.
                let unit = lone.unpaired_surrogate();
                bytes.extend([
                    0xe0 | (unit >> 12) as u8,
                    0x80 | (unit >> 6 & 0x3f) as u8,
                    0x80 | (unit & 0x3f) as u8,
                ]);
            }
        }
    }
    bytes
}

/// The name or path with these WTF-8 bytes; other bytes cannot be a name here.
#[cfg(windows)]
pub fn to_os(bytes: &[u8]) -> io::Result<OsString> {
    use std::os::windows::ffi::OsStringExt;
    let refused = || io::Error::new(io::ErrorKind::InvalidFilename, "the name cannot exist on Windows");
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let (text, behind) = rest.split_at(valid);
        units.extend(String::from_utf8_lossy(text).encode_utf16());
        rest = behind;
        match behind {
            [] => {}
            [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, after @ ..] => {
                units.push(0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f));
                rest = after;
            }
            _ => return Err(refused()),
        }
    }
    Ok(OsString::from_wide(&units))
}
