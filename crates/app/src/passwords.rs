//! What may be a password.
//!
//! Owns: the one form in which a password is hashed, and the rules for a new one: length, the list of common ones,
//! words of its surroundings, how easily it is guessed (SEC-161, SEC-162). Nothing here asks the network.
//! Not here: hashing (`hashing`), trying a password (`signin`).
//!
//! `passwords/common.txt` has those of the 20,000 most common passwords that have eight characters and more, in lower
//! case and sorted: the list of Royce Williams as Django 5.2 ships it (`django/contrib/auth/common-passwords.txt.gz`).
//! zxcvbn, which estimates the rest, brings 30,000 more, names and words.

use domain::{Account, PasswordPolicy};
use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::{MAX_PASSWORD_BYTES, Refusal};

/// The shortest that its owner may choose where the password is the only factor (NIST SP 800-63B-4 §3.1.1.2).
pub const SHORTEST_ALONE: u32 = 15;
/// The shortest where it is one of two.
pub const SHORTEST: u32 = 8;
/// Its owner's choice is at least so hard to guess, as zxcvbn counts: more than a million guesses.
const LEAST_STRENGTH: u32 = 2;
/// zxcvbn looks at so many characters; longer ones are strong by what they begin with, or not.
const ESTIMATED: usize = 72;
/// Shorter words of the surroundings are in too many good passwords.
const SHORTEST_WORD: usize = 4;

const COMMON: &str = include_str!("passwords/common.txt");

/// Words that a password must not be made of: who it belongs to and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings(Vec<String>);

impl Surroundings {
    /// Of an account at this service: user name, mail address, names, the service's host.
    #[must_use]
    pub fn of(account: &Account, host: &str) -> Self {
        let claims = ["email", "name", "given_name", "family_name", "nickname", "preferred_username"];
        let claims = claims.iter().filter_map(|name| account.claims.get(*name)?.as_str());
        Self::from_words([account.username.as_str(), host, "latchbolt"].into_iter().chain(claims))
    }

    /// Of these words and their parts.
    #[must_use]
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Vec::new();
        for word in words {
            let word = folded(word);
            let parts = word.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>();
            all.extend(parts.into_iter().chain([word]).filter(|word| word.chars().count() >= SHORTEST_WORD));
        }
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    /// Whether nothing of a password is left but these words, digits and punctuation.
    fn make_up(&self, password: &str) -> bool {
        let mut rest = Zeroizing::new(folded(password));
        let mut longest_first: Vec<&String> = self.0.iter().collect();
        longest_first.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let before = rest.len();
        for word in longest_first {
            rest = Zeroizing::new(rest.replace(word.as_str(), ""));
        }
        rest.len() < before && rest.chars().filter(|c| c.is_alphabetic()).count() < SHORTEST_WORD
    }
}

/// The form that is hashed: Unicode NFC, nothing else changed (SEC-161).
///
/// # Errors
/// It is longer than 1,024 bytes, or holds a NUL.
pub fn normal(password: &SecretString) -> Result<SecretString, Refusal> {
    let text = password.expose_secret();
    if text.len() > MAX_PASSWORD_BYTES {
        return refuse("at most 1024 bytes");
    }
    if text.contains('\0') {
        return refuse("holds a NUL character");
    }
    let normal: String = text.nfc().collect();
    // NFC makes some texts longer.
    if normal.len() > MAX_PASSWORD_BYTES {
        return refuse("at most 1024 bytes");
    }
    Ok(SecretString::from(normal))
}

/// A password that an operator gives somebody: long enough, none of the common ones and not the user's own name;
/// whatever else the policy demands of strength.
///
/// # Errors
/// `Invalid` names what to mend.
pub fn given(
    password: &SecretString,
    policy: &PasswordPolicy,
    around: &Surroundings,
) -> Result<SecretString, Refusal> {
    let normal = normal(password)?;
    check(normal.expose_secret(), policy, around, policy.shortest.max(SHORTEST), policy.least_strength)?;
    Ok(normal)
}

/// A password that its owner chooses: fifteen characters where it is the only factor, none of the common ones, not
/// made of words of its surroundings, and not easily guessed.
///
/// # Errors
/// `Invalid` names what to mend.
pub fn chosen(
    password: &SecretString,
    policy: &PasswordPolicy,
    around: &Surroundings,
    has_other_factor: bool,
) -> Result<SecretString, Refusal> {
    let normal = normal(password)?;
    let least = if has_other_factor { SHORTEST } else { SHORTEST_ALONE };
    let strength = policy.least_strength.max(LEAST_STRENGTH);
    check(normal.expose_secret(), policy, around, policy.shortest.max(least), strength)?;
    Ok(normal)
}

fn check(
    password: &str,
    policy: &PasswordPolicy,
    around: &Surroundings,
    shortest: u32,
    strength: u32,
) -> Result<(), Refusal> {
    if password.chars().count() < shortest as usize {
        return refuse(too_short(shortest));
    }
    if policy.refuse_common && is_common(password) {
        return refuse("is one of the most common passwords; choose another one");
    }
    if around.make_up(password) {
        return refuse("is made of your name, your address or the name of this service; choose another one");
    }
    if strength > 0 && strength_of(password, around) < strength {
        return refuse("is too easy to guess; add another word or two");
    }
    Ok(())
}

const fn refuse<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::Invalid { field: "password", why })
}

const fn too_short(shortest: u32) -> &'static str {
    match shortest {
        8 => "is too short; use at least 8 characters",
        10 => "is too short; use at least 10 characters",
        12 => "is too short; use at least 12 characters",
        15 => "is too short; use at least 15 characters, a sentence for example",
        16 => "is too short; use at least 16 characters, a sentence for example",
        _ => "is too short; use a longer one, a sentence for example",
    }
}

/// Whether it is on the list, in whatever letters.
fn is_common(password: &str) -> bool {
    let folded = Zeroizing::new(folded(password));
    // The lines are sorted: halve the text at a line's beginning until the line is found.
    let (mut low, mut high) = (0, COMMON.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let begin = COMMON[..middle].rfind('\n').map_or(0, |at| at + 1).max(low);
        let end = COMMON[begin..].find('\n').map_or(COMMON.len(), |at| begin + at);
        match COMMON[begin..end].cmp(folded.as_str()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = begin,
        }
    }
    false
}

/// 0 to 4, as zxcvbn counts.
fn strength_of(password: &str, around: &Surroundings) -> u32 {
    let begin: Zeroizing<String> = Zeroizing::new(password.chars().take(ESTIMATED).collect());
    let words: Vec<&str> = around.0.iter().map(String::as_str).collect();
    u32::from(u8::from(zxcvbn::zxcvbn(&begin, &words).score()))
}

fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }
    fn ada() -> Surroundings {
        Surroundings::from_words([
            "ada.lovelace",
            "ada@analytical.example",
            "Ada Lovelace",
            "login.example.org",
        ])
    }
    fn by_owner(text: &str, has_other: bool) -> Result<(), Refusal> {
        chosen(&secret(text), &PasswordPolicy::default(), &ada(), has_other).map(|_| ())
    }
    fn by_operator(text: &str) -> Result<(), Refusal> {
        given(&secret(text), &PasswordPolicy::default(), &ada()).map(|_| ())
    }

    #[test]
    fn sec_161_fifteen_alone_and_eight_beside_another_factor() {
        assert!(by_owner("kestrel-umbra-7", false).is_ok(), "15 characters");
        assert!(by_owner("kestrel-umbra7", false).is_err(), "14 characters");
        assert!(by_owner("kestrel-umbra7", true).is_ok());
        assert!(by_owner("kX9!umbr", true).is_ok(), "8 characters");
        assert!(by_owner("kX9!umb", true).is_err(), "7 characters");
        // Characters are counted, not bytes, after NFC.
        assert!(by_operator("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}").is_err());
        assert!(by_operator("pässwörtli").is_ok());
        let policy = PasswordPolicy { shortest: 20, ..PasswordPolicy::default() };
        assert!(chosen(&secret("kestrel-umbra-7-zinc"), &policy, &ada(), true).is_ok());
        assert!(chosen(&secret("kestrel-umbra-7-zin"), &policy, &ada(), true).is_err());
    }

    #[test]
    fn sec_161_no_composition_is_demanded_and_long_ones_are_taken_whole() {
        assert!(by_owner("correct zebra battery walnut", false).is_ok(), "lower case and blanks");
        assert!(by_owner("🦉🦊🐢🐙🦜🐝🦔🐬🦉🐢🦊🦜🐙🐝🦔", false).is_ok());
        let long = "north wind over quiet harbours ".repeat(5);
        assert!(long.len() > 128);
        let kept = chosen(&secret(&long), &PasswordPolicy::default(), &ada(), false).unwrap();
        assert_eq!(kept.expose_secret(), long);
        assert!(by_operator(&"x7".repeat(512)).is_ok());
        assert!(by_operator(&"x7".repeat(513)).is_err());
        assert!(by_operator("with a \0 inside it").is_err());
    }

    #[test]
    fn sec_162_common_ones_and_words_of_the_surroundings_are_refused_with_the_reason() {
        for common in
            ["password1", "PASSWORD1", "qwertyuiop", "1q2w3e4r5t", "iloveyou", "zxcvbnm1", "12345678"]
        {
            let why = by_operator(common).unwrap_err().to_string();
            assert!(why.contains("common"), "{common}: {why}");
        }
        for own in ["ada.lovelace", "AdaLovelace1815", "lovelace-1815!", "analytical2024", "Login.Example"] {
            let why = by_operator(own).unwrap_err().to_string();
            assert!(why.contains("made of your name"), "{own}: {why}");
        }
        for easy in ["aaaaaaaaaaaaaaa", "abcdefghijklmno", "123123123123123", "passwordpassword"] {
            let why = by_owner(easy, false).unwrap_err().to_string();
            assert!(why.contains("easy") || why.contains("common"), "{easy}: {why}");
        }
        // What a person is called may stand in a good one.
        assert!(by_operator("ada keeps a long secret 7").is_ok());
        let lax = PasswordPolicy { refuse_common: false, ..PasswordPolicy::default() };
        assert!(given(&secret("password1"), &lax, &ada()).is_ok());
        let strict = PasswordPolicy { least_strength: 4, ..PasswordPolicy::default() };
        assert!(given(&secret("kestrel7"), &strict, &ada()).is_err());
    }

    #[test]
    fn the_list_is_sorted_and_each_of_it_is_found() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!(lines.len() > 8000);
        assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(lines.iter().all(|line| is_common(line)));
        for none in ["", "zzzzzzzzzzzzzzzz", "!", "password1x-"] {
            assert!(!is_common(none), "{none}");
        }
    }

    #[test]
    fn both_spellings_of_a_letter_are_one_password() {
        let kept = |text| normal(&secret(text)).unwrap().expose_secret().to_owned();
        assert_eq!(kept("cafe\u{301} noir"), kept("caf\u{e9} noir"));
        assert_ne!(kept("Password1"), kept("password1"));
    }
}
