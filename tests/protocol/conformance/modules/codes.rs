//! Codes that are used twice.

use crate::conformance::check;
use crate::conformance::flow::{Flow, Module};
use crate::conformance::party::Party;

async fn used(m: &Module) -> (Party, Flow) {
    let party = m.party().await;
    let flow = m.flow(&m.visitor(), &party, m.asked(&party)).await;
    (party, flow)
}

pub(crate) async fn oidcc_codereuse(m: &Module) {
    let (party, flow) = used(m).await;
    let code = flow.response.get("code").expect("a code");
    check::token_error(&m.redeem(&party, &flow.asked, code).await, "invalid_grant");
}

/// On the clock that moves: half a minute later, and every access token of that code has ended.
pub(crate) async fn oidcc_codereuse_30seconds(m: &Module) {
    let (party, flow) = used(m).await;
    let code = flow.response.get("code").expect("a code");
    m.house.advance(30);
    check::token_error(&m.redeem(&party, &flow.asked, code).await, "invalid_grant");
    let back = flow.back.as_ref().expect("tokens").access_token();
    for token in [Some(back), flow.response.get("access_token")].into_iter().flatten() {
        let answer = m.userinfo(token).await;
        assert_eq!(answer.status, 401, "an access token outlived the replay: {}", answer.text());
    }
    // Also when the code's own time is long over.
    m.house.advance(90);
    check::token_error(&m.redeem(&party, &flow.asked, code).await, "invalid_grant");
}
