//! The provider's own keys change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::conformance::flow::Module;
use crate::conformance::keys::verify;
use crate::conformance::party::Auth;

fn kids(set: &Value) -> BTreeSet<String> {
    let keys = set["keys"].as_array().expect("keys");
    let signing = keys.iter().filter(|key| key["use"] == "sig");
    signing.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

/// On the clock that moves: the operator rotates, the new key is seen, and the old one stays.
pub(crate) async fn oidcc_server_rotate_keys(m: &Module) {
    let party = m.party_with(Auth::PrivateKeyJwt, &json!({})).await;
    let before = m.keys().await;
    let flow = m.flow(&m.visitor(), &party, m.asked(&party)).await;
    let _rotated = m.house.server.command(&["keys", "rotate", "--alg", "RS256", "--force", "--json"]).done();
    let mut after = m.keys().await;
    for _ in 0..120 {
        if kids(&after) != kids(&before) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        after = m.keys().await;
    }
    let (old, new) = (kids(&before), kids(&after));
    assert!(new.difference(&old).count() > 0, "no new key: {new:?}");
    assert!(old.is_subset(&new), "an old key went at once");
    // Who has the old set, or an old token, is not left behind; nor who looks again.
    verify(flow.id_token(), &after);
    let again = m.flow(&m.visitor(), &party, m.asked(&party)).await;
    verify(again.id_token(), &m.keys().await);
}
