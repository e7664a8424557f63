//! Recovery codes: for the day when phone, passkey and app are lost (SEC-086).
//!
//! Owns: how they are made, written and hashed. Not here: keeping them (`store::factors`), when one counts
//! (`second_factor`, `recovery`).
//!
//! A code has 80 random bits: sixteen letters and digits of Crockford's base 32, which has no look-alikes. Kept are MACs
//! under a lasting key, each bound to its account.

use app::{App, Refusal};
use domain::{AccountId, SecretHash};
use zeroize::Zeroizing;

const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters and digits of a code.
const LENGTH: usize = 16;

/// A new code, in groups of four: `x4k2-9fmd-0q7w-rh3n`.
pub(crate) fn make(app: &App) -> Zeroizing<String> {
    let random: Zeroizing<[u8; LENGTH]> = Zeroizing::new(app.entropy().bytes());
    let mut code = Zeroizing::new(String::with_capacity(LENGTH + 3));
    for (at, byte) in random.iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(LETTERS[usize::from(byte & 31)]));
    }
    code
}

/// What is kept of a code; none: the text can be no code.
pub(crate) fn hash(app: &App, account: &AccountId, text: &str) -> Result<Option<SecretHash>, Refusal> {
    let Some(code) = read(text) else { return Ok(None) };
    let mut data = Zeroizing::new(account.as_bytes().to_vec());
    data.extend_from_slice(code.as_bytes());
    Ok(Some(SecretHash(app.lasting_mac("recovery code", &data)?)))
}

/// The code that somebody typed: capitals, blanks and look-alikes are forgiven.
fn read(text: &str) -> Option<Zeroizing<String>> {
    let mut code = Zeroizing::new(String::with_capacity(LENGTH));
    for letter in text.chars() {
        let letter = match letter.to_ascii_lowercase() {
            ' ' | '-' | '\u{2010}'..='\u{2014}' => continue,
            'o' => '0',
            'i' | 'l' => '1',
            letter => letter,
        };
        if code.len() == LENGTH || !letter.is_ascii() || !LETTERS.contains(&(letter as u8)) {
            return None;
        }
        code.push(letter);
    }
    (code.len() == LENGTH).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_with_care() {
        let code = read("x4k2-9fmd-0q7w-rh3n").unwrap();
        assert_eq!(code.as_str(), "x4k29fmd0q7wrh3n");
        for same in ["X4K2 9FMD OQ7W RH3N", "x4k29fmdoq7wrh3n", " x4k2\u{2013}9fmd-0q7w-rh3n "] {
            assert_eq!(read(same).as_deref(), Some(&*code), "{same}");
        }
        for none in ["", "x4k2-9fmd-0q7w-rh3", "x4k2-9fmd-0q7w-rh3nn", "x4k2-9fmd-0q7w-rh3u", "123456", "é"]
        {
            assert!(read(none).is_none(), "{none}");
        }
    }
}
