//! What must hold in every state, and what must be reachable so that this means something.

use stateright::Property;

use crate::model::Channels;
use crate::setting::{Gate, Setting};
use crate::state::{Deciding, Redeeming, State};
use crate::world::{ADA, Browser, EVE, PHONE, Vouch, owner};

/// SEC-006.
pub const ONE_SESSION: &str = "a channel gives at most one session";
/// SEC-022, SEC-030, SEC-034.
pub const RIGHT_OWNER: &str = "a session is of the owner of the phone that claimed and rightly approved";
/// SEC-010.
pub const RIGHT_BROWSER: &str = "a session is in the browser that holds the secret";
/// SEC-037.
pub const DENIAL_WINS: &str = "no session is made after a denial was acknowledged";
/// SEC-004, SEC-017.
pub const IN_TIME: &str = "no session is made of what was over when it was asked for";
/// SEC-036.
pub const ACTIVE: &str = "no session lives of a revoked phone or a disabled account";
/// SEC-021.
pub const ONE_PHONE: &str = "one phone is told that it has the channel; another only after a failover";
/// SEC-015, SEC-023.
pub const NO_STRANGER: &str = "who cannot see the check code signs nobody in";
/// SEC-063.
pub const WRITTEN: &str = "an approval that made a session is written down, or about to be";

const MADE: &str = "a session is made";
const DENIED: &str = "a denial is acknowledged";
const AFTER_LOSS: &str = "a session is made although an answer was lost";
const UNTOLD: &str = "a session is made and its answer is lost";
const ATTACKED: &str = "the attacker's redeem finds an approved channel";
const STOPPED_AS_REVOKED: &str = "an approval is taken whose phone is revoked by then";
const STOPPED_AT_GATE: &str = "a second redeem comes as far as the database";
const AFTER_FAILOVER: &str = "a session is made after a failover";

/// For one setting.
pub fn all(setting: &Setting) -> Vec<Property<Channels>> {
    let always = Property::<Channels>::always;
    let sometimes = Property::<Channels>::sometimes;
    let mut all = vec![
        always(ONE_SESSION, |_, state| state.sessions().count() <= 1),
        always(RIGHT_OWNER, |_, state| {
            state.sessions().all(|session| {
                let phone = &state.phones[usize::from(session.vouch.phone)];
                phone.claims > 0 && phone.has_approved && session.vouch.account == owner(session.vouch.phone)
            })
        }),
        always(RIGHT_BROWSER, |_, state| state.sessions().all(|session| session.browser == Browser::Right)),
        always(DENIAL_WINS, |_, state| !state.sessions().any(|session| session.is_after_denial)),
        always(IN_TIME, |_, state| !state.sessions().any(|session| session.vouch.is_late)),
        always(ACTIVE, |_, state| {
            state.sessions().all(|session| {
                let is_revoked = state.is_phone_revoked && session.vouch.phone == PHONE;
                let is_disabled = state.is_owner_disabled && session.vouch.account == ADA;
                !session.is_alive || (!is_revoked && !is_disabled)
            })
        }),
        always(ONE_PHONE, |model, state| {
            let told = state.phones.iter().filter(|phone| phone.handle.is_some()).count();
            told <= 1 + usize::from(model.setting.failovers - state.failovers_left)
        }),
        always(WRITTEN, |_, state| {
            state.sessions().all(|session| {
                let phone = &state.phones[usize::from(session.vouch.phone)];
                phone.is_written || phone.approving == Some(Deciding::Approved)
            })
        }),
        sometimes(MADE, |_, state| state.sessions().next().is_some()),
        sometimes(DENIED, |_, state| state.is_denied),
    ];
    if !setting.stranger_sees_code {
        all.push(always(NO_STRANGER, |_, state| {
            !state.sessions().any(|session| session.vouch.account == EVE)
        }));
    }
    if setting.losses > 0 {
        all.push(sometimes(AFTER_LOSS, |_, state| {
            state.losses_left == 0 && state.sessions().any(|session| !session.is_untold)
        }));
        all.push(sometimes(UNTOLD, |_, state| state.sessions().any(|session| session.is_untold)));
    }
    if setting.is_attacked {
        all.push(sometimes(ATTACKED, |_, state| matches!(state.attacking, Some(Redeeming::Looked { .. }))));
    }
    if setting.revokes {
        all.push(sometimes(STOPPED_AS_REVOKED, |_, state| {
            taken(state).any(|vouch| vouch.phone == PHONE) && state.is_phone_revoked
        }));
    }
    if setting.failovers > 0 {
        all.push(sometimes(AFTER_FAILOVER, |model, state| {
            state.failovers_left < model.setting.failovers && state.sessions().next().is_some()
        }));
    }
    if setting.failovers > 0 && setting.redeems > 1 && setting.gate != Gate::Missing {
        all.push(sometimes(STOPPED_AT_GATE, |model, state| {
            taken(state).any(|vouch| state.gate & model.gate_bit(vouch) != 0)
        }));
    }
    all
}

fn taken(state: &State) -> impl Iterator<Item = Vouch> {
    state.redeems().filter_map(|redeem| match redeem {
        Redeeming::Taken(vouch) | Redeeming::Checked(vouch) => Some(*vouch),
        Redeeming::Looked { .. } | Redeeming::Read { .. } => None,
    })
}
