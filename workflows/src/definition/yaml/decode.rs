//! From the bytes of a file to its text.

use super::{MAX_BYTES, Place, Problem};

/// The text of a file: UTF-8, with or without a byte order mark.
///
/// # Errors
/// One problem: what the bytes are instead, with the place of the first that does not fit.
pub fn decode(bytes: &[u8], file: &str) -> Result<String, Vec<Problem>> {
    text(bytes, file).map_err(|problem| vec![*problem])
}

fn text(bytes: &[u8], file: &str) -> Result<String, Box<Problem>> {
    let start = Place {
        file: file.to_owned(),
        line: 1,
        column: 1,
    };
    if bytes.len() > MAX_BYTES {
        return Err(Box::new(too_large(bytes.len(), file)));
    }
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        return Err(Box::new(
            Problem::error(
                "encoding",
                start,
                "文件是 UTF-16 编码，不是 UTF-8",
                "the file is encoded as UTF-16, not UTF-8",
            )
            .hinting("请另存为 UTF-8", "save it as UTF-8"),
        ));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text.to_owned()),
        Err(error) => error,
    };
    let (good, bad) = bytes.split_at(error.valid_up_to());
    let before = String::from_utf8_lossy(good);
    let place = Place {
        line: 1 + count(before.matches('\n').count()),
        column: 1 + count(before.rsplit('\n').next().unwrap_or("").chars().count()),
        ..start
    };
    let first = bad.first().copied().unwrap_or(0);
    Err(Box::new(if looks_like_gb18030(bytes) {
        Problem::error(
            "encoding",
            place,
            "文件像是 GBK / GB18030 编码，不是 UTF-8",
            "the file looks like GBK / GB18030, not UTF-8",
        )
        .hinting("请另存为 UTF-8", "save it as UTF-8")
    } else {
        Problem::error(
            "encoding",
            place,
            format!("字节 0x{first:02x} 不是 UTF-8"),
            format!("the byte 0x{first:02x} is not UTF-8"),
        )
        .hinting("请另存为 UTF-8", "save it as UTF-8")
    }))
}

pub(super) fn too_large(bytes: usize, file: &str) -> Problem {
    Problem::error(
        "too_large",
        Place {
            file: file.to_owned(),
            line: 1,
            column: 1,
        },
        format!("文件有 {bytes} 字节，上限是 {MAX_BYTES} 字节"),
        format!("the file has {bytes} bytes; the limit is {MAX_BYTES}"),
    )
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Whether every byte above ASCII stands in a two- or four-byte pair of GB18030.
fn looks_like_gb18030(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (0..=0x7f, _) => after,
            (0x81..=0xfe, [0x40..=0x7e | 0x80..=0xfe, after @ ..]) => after,
            (0x81..=0xfe, [0x30..=0x39, 0x81..=0xfe, 0x30..=0x39, after @ ..]) => after,
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_read_with_and_without_a_byte_order_mark() {
        assert_eq!(decode("改造: 1".as_bytes(), "a.yaml").unwrap(), "改造: 1");
        assert_eq!(
            decode("\u{feff}改造: 1".as_bytes(), "a.yaml").unwrap(),
            "改造: 1"
        );
        assert_eq!(decode(b"", "a.yaml").unwrap(), "");
    }

    #[test]
    fn another_encoding_is_named_with_the_place_of_its_first_byte() {
        // 老旧 in GBK.
        let gbk = b"id: a\nname: \xc0\xcf\xbe\xc9\n";
        assert_eq!(
            decode(gbk, "a.yaml").unwrap_err()[0].to_string(),
            "a.yaml:2:7: error: the file looks like GBK / GB18030, not UTF-8; save it as UTF-8"
        );
        let broken = "改造\u{0}x"
            .as_bytes()
            .iter()
            .copied()
            .chain([0xff, b'\n'])
            .collect::<Vec<_>>();
        assert_eq!(
            decode(&broken, "a.yaml").unwrap_err()[0].to_string(),
            "a.yaml:1:5: error: the byte 0xff is not UTF-8; save it as UTF-8"
        );
        let utf16 = b"\xff\xfei\0d\0";
        assert_eq!(
            decode(utf16, "a.yaml").unwrap_err()[0].to_string(),
            "a.yaml:1:1: error: the file is encoded as UTF-16, not UTF-8; save it as UTF-8"
        );
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused_before_it_is_read() {
        let problem = decode(&vec![b' '; MAX_BYTES + 1], "a.yaml")
            .unwrap_err()
            .remove(0);
        assert_eq!(problem.code, "too_large");
    }
}
