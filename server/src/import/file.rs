//! What a file is, told by its bytes, never by its name; and the tables in it.

use std::io::Read;
use std::path::Path;

use super::sheet::Sheet;
use super::unreadable::Unreadable;
use super::{csv, xlsx};

/// The largest file that is read: 64 MiB.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// How many rows a file may have: as many as Excel shows on one sheet, rounded down.
pub(super) const MAX_ROWS: usize = 1_000_000;

/// Reads a file whole.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(Unreadable::NotATable {
            zh: "文件夹",
            en: "a folder",
        });
    }
    if metadata.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge {
            bytes: metadata.len(),
        });
    }
    let mut bytes = Vec::new();
    // What is no regular file may have more to give than its metadata says.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    let length = bytes.len() as u64;
    if length > MAX_BYTES {
        return Err(Unreadable::TooLarge { bytes: length });
    }
    Ok(bytes)
}

/// The tables in some bytes. `name` is what the table of a .csv file is called.
pub(super) fn tables(bytes: &[u8], name: &str) -> Result<Vec<Sheet>, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::Empty);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return xlsx::sheets(bytes);
    }
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
        return Err(compound_file(bytes));
    }
    if let Some((_, zh, en)) = KNOWN.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Err(Unreadable::NotATable { zh, en });
    }
    Ok(vec![csv::sheet(bytes, name)?])
}

/// The first bytes of what is often chosen by mistake.
const KNOWN: &[(&[u8], &str, &str)] = &[
    (b"\x89PNG\r\n", "图片", "an image"),
    (b"\xff\xd8\xff", "图片", "an image"),
    (b"GIF8", "图片", "an image"),
    (b"BM", "图片", "an image"),
    (b"II*\0", "图片", "an image"),
    (b"MM\0*", "图片", "an image"),
    (b"%PDF", "PDF文件", "a PDF"),
    (b"Rar!", "压缩包", "an archive"),
    (b"7z\xbc\xaf\x27\x1c", "压缩包", "an archive"),
    (b"\x1f\x8b", "压缩包", "an archive"),
    (b"{\\rtf", "文稿", "a text document"),
    (
        b"<",
        "网页或XML(有的系统导出的.xls是网页,请在Excel中打开后另存为.xlsx)",
        "a web page or XML (some systems export pages as .xls: open it in Excel and save it as .xlsx)",
    ),
    (
        b"\xef\xbb\xbf<",
        "网页或XML(请在Excel中打开后另存为.xlsx)",
        "a web page or XML (open it in Excel and save it as .xlsx)",
    ),
    (b"SQLite format 3\0", "数据库", "a database"),
];

/// An OLE compound file: an .xls workbook, an .xlsx under a password, or a document of old Word.
/// Its directory holds the names of its parts in UTF-16.
fn compound_file(bytes: &[u8]) -> Unreadable {
    let holds = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.windows(wide.len()).any(|window| window == wide)
    };
    if holds("EncryptedPackage") || holds("EncryptionInfo") {
        Unreadable::Encrypted
    } else if holds("WordDocument") {
        Unreadable::NotATable {
            zh: "Word文稿",
            en: "a Word document",
        }
    } else {
        Unreadable::OldExcel
    }
}
