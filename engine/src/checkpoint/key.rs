//! Who signs, and how a signature is checked.
//!
//! Keys are written as the signed-note specification and the tools of Go's checksum database write them:
//!
//! ```text
//! public    <name>+<key id, 8 hex digits>+<base64 of 0x01 ‖ 32 bytes>
//! private   PRIVATE+KEY+<name>+<key id>+<base64 of 0x01 ‖ 32 bytes>
//! key id    the first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)
//! ```
//!
//! Source: C2SP signed-note, "Signatures" and "Ed25519 signatures".

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The signature type of plain Ed25519 in a signed note.
const ED25519: u8 = 0x01;

const PRIVATE: &str = "PRIVATE+KEY+";

/// What signs notes.
///
/// [`Ed25519Signer`] keeps its key in memory. A key that must not leave its box — an HSM, a key service — is another
/// implementation: it knows its public half and asks the box in [`Signer::sign`], which therefore may wait and may
/// fail. A note may carry several lines, and a reader ignores the lines of keys it does not know: so an SM2 line
/// (GB/T 32918, where domestic algorithms are required) is one more signer in the same call, with a signature type
/// of its own: `0xff` and a long name, since the specification assigns SM2 none. What reads it back is one more
/// variant of the key in [`VerifierKey`]. The Ed25519 line stays, so that tools which know no other can read on.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The name in the signature line.
    fn name(&self) -> &str;

    /// The id in the signature line.
    fn id(&self) -> u32;

    /// The signature over a text, without name and id.
    ///
    /// # Errors
    /// [`SignError`] if whatever holds the key did not sign. Nothing was signed then, as far as is known.
    async fn sign(&self, text: &str) -> Result<Vec<u8>, SignError>;
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[error("key {name} did not sign: {source}")]
pub struct SignError {
    /// The key's name.
    pub name: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Why a text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A name that a signature line cannot hold.
    #[error("key name {0:?}: expected text without spaces, control characters and '+'")]
    Name(String),
    /// Not of the form of a key.
    #[error("this is no key: expected {expected}")]
    Malformed {
        /// The form.
        expected: &'static str,
    },
    /// A private key where a public one is wanted. It should not go from hand to hand.
    #[error("this is a private key: use the public one (.pub) beside it, and keep this one secret")]
    Private,
    /// A public key where a private one is wanted.
    #[error("this is a public key, which cannot sign: use the private one")]
    Public,
    /// A signature type that this build does not know.
    #[error("key {name} is of signature type {algorithm:#04x}, which this build does not know")]
    Algorithm {
        /// The key's name.
        name: String,
        /// The type.
        algorithm: u8,
    },
    /// The id does not follow from name and key: one of them was changed.
    #[error("key {name} does not have the id {id:08x}: a letter of it is wrong")]
    Id {
        /// The key's name.
        name: String,
        /// The id as written.
        id: u32,
    },
    /// The machine has no randomness to make a key from.
    #[error("no randomness to make a key from: {0}")]
    Randomness(String),
}

/// Whether a signature line can hold the name: not empty, no Unicode spaces, no control characters, no `+`.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c != '+' && !c.is_whitespace() && !c.is_control())
}

/// The public half of a key: what a verifier is given.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl VerifierKey {
    /// A key from its 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Name`], or [`KeyError::Malformed`] if the bytes are no point of the curve.
    pub fn ed25519(name: &str, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name(name.to_owned()));
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Malformed {
            expected: "32 bytes of an Ed25519 public key",
        })?;
        Ok(Self {
            name: name.to_owned(),
            id: key_id(name, bytes),
            key,
        })
    }

    /// The name in its signature lines. By the checkpoint specification it should be the origin of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id in its signature lines.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether `signature` is this key's over `text`. Strict: of the encodings that some verifiers let pass, only
    /// the canonical one, and no key or point of small order.
    #[must_use]
    pub fn signed(&self, text: &str, signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = typed(self.key.as_bytes());
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            self.id,
            STANDARD.encode(bytes)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    /// Reads a public key; blanks and line ends around it do not matter.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with(PRIVATE) {
            return Err(KeyError::Private);
        }
        let (name, id, bytes) = parts(text, "NAME+8 HEX DIGITS+BASE64")?;
        let key = Self::ed25519(name, &bytes)?;
        if key.id == id {
            Ok(key)
        } else {
            Err(KeyError::Id { name: key.name, id })
        }
    }
}

/// An Ed25519 key that is kept in memory, and in a file that nobody else may read.
pub struct Ed25519Signer {
    public: VerifierKey,
    secret: SigningKey,
}

impl Ed25519Signer {
    /// A new key from the machine's randomness.
    ///
    /// # Errors
    /// [`KeyError::Name`]; [`KeyError::Randomness`].
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Randomness(error.to_string()))?;
        Self::from_seed(name, &seed)
    }

    /// The key of a seed of 32 secret bytes.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = SigningKey::from_bytes(seed);
        Ok(Self {
            public: VerifierKey::ed25519(name, secret.verifying_key().as_bytes())?,
            secret,
        })
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    /// The private key as it stands in its file. It must go nowhere else: not into the log, not into a message.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let bytes = typed(self.secret.as_bytes());
        let VerifierKey { name, id, .. } = &self.public;
        format!("{PRIVATE}{name}+{id:08x}+{}", STANDARD.encode(bytes))
    }
}

/// The name and the id only.
impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Ed25519Signer({}+{:08x})",
            self.public.name, self.public.id
        )
    }
}

impl FromStr for Ed25519Signer {
    type Err = KeyError;

    /// Reads a private key; blanks and line ends around it do not matter.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let Some(rest) = text.strip_prefix(PRIVATE) else {
            return Err(match text.parse::<VerifierKey>() {
                Ok(_) => KeyError::Public,
                Err(_) => KeyError::Malformed {
                    expected: "PRIVATE+KEY+NAME+8 HEX DIGITS+BASE64",
                },
            });
        };
        let (name, id, seed) = parts(rest, "PRIVATE+KEY+NAME+8 HEX DIGITS+BASE64")?;
        let signer = Self::from_seed(name, &seed)?;
        if signer.public.id == id {
            Ok(signer)
        } else {
            Err(KeyError::Id {
                name: name.to_owned(),
                id,
            })
        }
    }
}

#[async_trait]
impl Signer for Ed25519Signer {
    fn name(&self) -> &str {
        &self.public.name
    }

    fn id(&self) -> u32 {
        self.public.id
    }

    async fn sign(&self, text: &str) -> Result<Vec<u8>, SignError> {
        Ok(self.secret.sign(text.as_bytes()).to_bytes().to_vec())
    }
}

fn typed(key: &[u8; 32]) -> [u8; 33] {
    let mut bytes = [ED25519; 33];
    bytes[1..].copy_from_slice(key);
    bytes
}

fn key_id(name: &str, public: &[u8; 32]) -> u32 {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update(b"\n");
    hasher.update(typed(public));
    let hash: [u8; 32] = hasher.finalize().into();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Name, id and the 32 bytes of `NAME+ID+BASE64`. The base64 may itself hold a `+`.
fn parts<'t>(text: &'t str, expected: &'static str) -> Result<(&'t str, u32, [u8; 32]), KeyError> {
    let malformed = || KeyError::Malformed { expected };
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    if !is_key_name(name) {
        return Err(KeyError::Name(name.to_owned()));
    }
    if id.len() != 8 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(malformed());
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| malformed())?;
    let bytes = STANDARD.decode(bytes).map_err(|_| malformed())?;
    match bytes.split_first() {
        Some((&ED25519, key)) => Ok((name, id, key.try_into().map_err(|_| malformed())?)),
        Some((&algorithm, _)) => Err(KeyError::Algorithm {
            name: name.to_owned(),
            algorithm,
        }),
        None => Err(malformed()),
    }
}
