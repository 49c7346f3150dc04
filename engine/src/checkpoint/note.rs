//! Signed notes: a text, an empty line, and one line for each signature.
//!
//! ```text
//! <text, one or more lines>
//!
//! — <key name> <base64 of key id ‖ signature>
//! ```
//!
//! Source: C2SP signed-note.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{SignError, Signer, VerifierKey, is_key_name};

/// How many bytes a note may have. A checkpoint has some hundreds; a post-quantum signature some thousands.
pub const MAX_NOTE_BYTES: usize = 256 * 1024;

/// How many signatures a note may have; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

/// Why a note is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It does not have the form of what it should be.
    #[error("malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// None of its signatures is by the key asked for.
    #[error("not signed by {key}, but by {}", .signed_by.join(", "))]
    UnknownKey {
        /// The key asked for, as name and id.
        key: String,
        /// Whose signatures it has, as name and id.
        signed_by: Vec<String>,
    },
    /// It carries a signature of the key asked for, which does not fit the text: something was changed.
    #[error("the signature of {key} does not fit: the text or the signature was changed")]
    BadSignature {
        /// The key, as name and id.
        key: String,
    },
}

pub(super) fn malformed(what: impl Into<String>) -> NoteError {
    NoteError::Malformed { what: what.into() }
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: String,
    id: u32,
    signature: Vec<u8>,
}

impl Line {
    fn key(&self) -> String {
        key(&self.name, self.id)
    }
}

fn key(name: &str, id: u32) -> String {
    format!("{name}+{id:08x}")
}

/// A text with its signatures. What it says counts for nothing before [`SignedNote::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    lines: Vec<Line>,
}

impl SignedNote {
    /// Signs a text with every signer, in their order.
    ///
    /// # Errors
    /// The first signer's that did not sign. A text that no note can hold is a [`SignError`] too.
    pub async fn sign(text: String, signers: &[&dyn Signer]) -> Result<Self, SignError> {
        let mut lines = Vec::with_capacity(signers.len());
        for signer in signers {
            let refused = |what: &str| SignError {
                name: signer.name().to_owned(),
                source: what.into(),
            };
            if !is_text(&text) || text.len() > MAX_NOTE_BYTES / 2 {
                return Err(refused("the text is none that a note can hold"));
            }
            if !is_key_name(signer.name()) {
                return Err(refused("its name is none that a signature line can hold"));
            }
            lines.push(Line {
                name: signer.name().to_owned(),
                id: signer.id(),
                signature: signer.sign(&text).await?,
            });
        }
        Ok(Self { text, lines })
    }

    /// The text, with its last line end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whose signatures it carries, as name and id.
    #[must_use]
    pub fn signed_by(&self) -> Vec<String> {
        self.lines.iter().map(Line::key).collect()
    }

    /// Whether it carries a signature line of this signer's name and id.
    #[must_use]
    pub fn is_signed_by(&self, signer: &dyn Signer) -> bool {
        self.lines
            .iter()
            .any(|line| line.name == signer.name() && line.id == signer.id())
    }

    /// Checks the signatures of `key`; those of other keys are ignored.
    ///
    /// # Errors
    /// [`NoteError::UnknownKey`] and [`NoteError::BadSignature`].
    pub fn verify(&self, verifier: &VerifierKey) -> Result<(), NoteError> {
        let mut known = self
            .lines
            .iter()
            .filter(|line| line.name == verifier.name() && line.id == verifier.id())
            .peekable();
        let named = || key(verifier.name(), verifier.id());
        if known.peek().is_none() {
            return Err(NoteError::UnknownKey {
                key: named(),
                signed_by: self.signed_by(),
            });
        }
        if known.all(|line| verifier.signed(&self.text, &line.signature)) {
            Ok(())
        } else {
            Err(NoteError::BadSignature { key: named() })
        }
    }
}

/// A text that a note can hold: it ends its last line, and has no control characters but line ends.
fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.bytes().any(|b| b < 0x20 && b != b'\n')
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.lines {
            let mut bytes = line.id.to_be_bytes().to_vec();
            bytes.extend(&line.signature);
            writeln!(f, "— {} {}", line.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    /// Reads a note to the letter: what is written again is what was read.
    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(malformed(format!(
                "{} bytes, at most {MAX_NOTE_BYTES}",
                note.len()
            )));
        }
        if note.contains('\r') {
            return Err(malformed(
                "it has Windows line ends; keep the file as it was",
            ));
        }
        if !is_text(note) {
            return Err(malformed("it has control characters or no line end"));
        }
        let Some(end) = note.rfind("\n\n") else {
            return Err(malformed("no empty line before the signatures"));
        };
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        let lines: Vec<Line> = signatures
            .lines()
            .map(signature_line)
            .collect::<Result<_, _>>()?;
        match lines.len() {
            0 => Err(malformed("no signature")),
            count if count > MAX_SIGNATURES => Err(malformed(format!("{count} signatures"))),
            _ => Ok(Self {
                text: text.to_owned(),
                lines,
            }),
        }
    }
}

fn signature_line(line: &str) -> Result<Line, NoteError> {
    let bad = |what: &str| malformed(format!("signature line {line:?}: {what}"));
    let (name, bytes) = line
        .strip_prefix("— ")
        .and_then(|rest| rest.split_once(' '))
        .ok_or_else(|| bad("expected a dash, a name and base64"))?;
    if !is_key_name(name) {
        return Err(bad("the name"));
    }
    let bytes = STANDARD
        .decode(bytes)
        .map_err(|_| bad("the signature is no base64"))?;
    match bytes.split_first_chunk::<4>() {
        Some((id, signature)) if !signature.is_empty() => Ok(Line {
            name: name.to_owned(),
            id: u32::from_be_bytes(*id),
            signature: signature.to_vec(),
        }),
        _ => Err(bad("the signature is too short")),
    }
}
