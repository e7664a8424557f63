//! Tests of client secrets.

use super::*;

#[test]
fn sec_115_a_secret_is_kept_as_its_hash() {
    let secret = SecretString::from("correct horse battery staple, no".to_owned());
    let hash = hash_secret(&secret);
    assert_eq!(hash.0[..4], [0xeb, 0x95, 0xfb, 0x0f]);
}
