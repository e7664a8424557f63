//! Who may do what next, and what becomes of it.
//!
//! Owns: the use cases of `signin::phone` cut into their steps (read, compute and swap or take, unit of work), so that
//! the steps of all requests mix in every order; the live store with what goes wrong in it; the faults
//! where they are planted. Not here: the moves of a channel (`world`, `qr`), the promises (`promises`).
//!
//! A request that hangs for ever is one whose next step never comes; a client that asks again is a request that
//! begins again. Nothing bounds how often.

use stateright::{Model, Property};

use crate::promises;
use crate::setting::{Fault, Gate, Setting, Units};
use crate::state::{Claiming, Deciding, FRESH, Phone, Redeeming, Rotating, Session, Slot, State};
use crate::world::{ADA, Became, Browser, Handle, PHONE, STRANGER, Sent, TABLET, Value, Vouch, World, owner};

/// The channel, its phones and browsers, and the stores.
pub struct Channels {
    pub setting: Setting,
    pub world: World,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Time goes on.
    Tick,
    /// The live store loses the slot.
    Vanish,
    /// The replica catches up.
    Replicate,
    /// The replica takes over.
    FailOver,
    /// Ada's phone is revoked, its sessions end: one unit.
    Revoke,
    /// Ada's account is disabled, its sessions end: one unit.
    Disable,
    /// The page asks for another id: clock and channel read.
    Rotate,
    RotateSwap,
    /// A phone proves its key for an id that it scanned.
    Claim {
        phone: u8,
        id: u8,
    },
    ClaimGet {
        phone: u8,
    },
    ClaimSwap {
        phone: u8,
        answer_lost: bool,
    },
    /// A phone sends a decision.
    Decide {
        phone: u8,
        yes: bool,
    },
    DecideGet {
        phone: u8,
        yes: bool,
    },
    DecideSwap {
        phone: u8,
        yes: bool,
        answer_lost: bool,
    },
    DecideUnit {
        phone: u8,
        yes: bool,
        fails: bool,
    },
    /// A phone decides in another's name, with its own key.
    Forge {
        phone: u8,
    },
    /// Somebody sends the approval of the claim before this one again.
    Replay,
    /// A browser redeems: clock and channel read.
    Redeem {
        browser: Browser,
        nth: usize,
    },
    Take {
        browser: Browser,
        nth: usize,
    },
    Delete {
        browser: Browser,
        nth: usize,
    },
    Check {
        browser: Browser,
        nth: usize,
    },
    Commit {
        browser: Browser,
        nth: usize,
        answer_lost: bool,
    },
}

impl Channels {
    pub fn new(setting: Setting) -> Self {
        Self { setting, world: World::new(setting.times) }
    }

    fn has(&self, fault: Fault) -> bool {
        self.setting.fault == Some(fault)
    }

    fn is_active(state: &State, phone: u8) -> bool {
        let is_account_active = owner(phone) != ADA || !state.is_owner_disabled;
        let is_phone_active = phone != PHONE || !state.is_phone_revoked;
        is_account_active && is_phone_active
    }

    /// Neither the clock nor the right of this phone can change any more: asking for it and reading the channel
    /// are one step then, since nothing in between can make a difference.
    fn stays_active(&self, state: &State, phone: u8) -> bool {
        let may_tick = usize::from(state.clock) + 1 < self.setting.times.len();
        let may_revoke = self.setting.revokes && phone == PHONE;
        let may_disable = self.setting.disables && owner(phone) == ADA;
        !may_tick && !may_revoke && !may_disable
    }

    /// `live::Live::swap`.
    fn swap(&self, state: &mut State, seen: Slot, value: Value) -> bool {
        let wins = match state.slot {
            Some(slot) => slot.version == seen.version || self.has(Fault::BlindSwap),
            None => false,
        };
        if wins {
            state.slot = Some(Slot { value, version: FRESH });
        }
        wins
    }

    pub fn gate_bit(&self, vouch: Vouch) -> u8 {
        match self.setting.gate {
            Gate::Missing => 0,
            Gate::ScannedId => 1 << vouch.id,
            Gate::Channel | Gate::End => 1 << 7,
        }
    }

    fn knows_code(&self, phone: u8) -> bool {
        phone != STRANGER || self.setting.stranger_sees_code
    }

    fn steps_of_stores(&self, state: &State, steps: &mut Vec<Step>) {
        if usize::from(state.clock) + 1 < self.setting.times.len() {
            steps.push(Step::Tick);
        }
        if state.may_vanish && state.slot.is_some() {
            steps.push(Step::Vanish);
        }
        if state.failovers_left > 0 {
            if state.replica != state.slot {
                steps.push(Step::Replicate);
            }
            steps.push(Step::FailOver);
        }
        let is_locked = |by: fn(Vouch) -> bool| {
            state.redeems().any(|redeem| matches!(redeem, Redeeming::Checked(vouch) if by(*vouch)))
        };
        if self.setting.revokes && !state.is_phone_revoked && !is_locked(|vouch| vouch.phone == PHONE) {
            steps.push(Step::Revoke);
        }
        let locks_account = self.setting.units == Units::ReadCommitted { locks_account: true };
        let waits = locks_account && is_locked(|vouch| vouch.account == ADA);
        if self.setting.disables && !state.is_owner_disabled && !waits {
            steps.push(Step::Disable);
        }
    }

    fn steps_of_phone(&self, state: &State, phone: u8, steps: &mut Vec<Step>) {
        let lossy = state.losses_left > 0;
        let Phone { handle, claiming, approving, denying, .. } = state.phones[usize::from(phone)];
        match claiming {
            None if !state.is_gone() && Self::is_active(state, phone) => {
                steps.extend((0..=u8::from(state.is_rotated)).map(|id| Step::Claim { phone, id }));
            }
            None => {}
            Some(Claiming::Proven { .. }) => steps.push(Step::ClaimGet { phone }),
            Some(Claiming::Looked { .. }) => {
                steps.push(Step::ClaimSwap { phone, answer_lost: false });
                if lossy {
                    steps.push(Step::ClaimSwap { phone, answer_lost: true });
                }
            }
        }
        for (yes, deciding) in [(true, approving), (false, denying)] {
            match deciding {
                None if handle.is_some() && Self::is_active(state, phone) => {
                    steps.push(Step::Decide { phone, yes });
                }
                None => {}
                Some(Deciding::Asked { .. }) => steps.push(Step::DecideGet { phone, yes }),
                Some(Deciding::Looked { .. }) => {
                    steps.push(Step::DecideSwap { phone, yes, answer_lost: false });
                    if lossy {
                        steps.push(Step::DecideSwap { phone, yes, answer_lost: true });
                    }
                }
                Some(Deciding::Approved | Deciding::Denied) => {
                    steps.push(Step::DecideUnit { phone, yes, fails: false });
                    if lossy {
                        steps.push(Step::DecideUnit { phone, yes, fails: true });
                    }
                }
            }
        }
        if state.slot.is_some() {
            steps.push(Step::Forge { phone });
        }
    }

    fn steps_of_browser(&self, state: &State, browser: Browser, nth: usize, steps: &mut Vec<Step>) {
        let is_serial = self.setting.units == Units::Serial;
        match redeeming(state, browser, nth) {
            // One idle request is as good as another.
            None if state.slot.is_some() && (nth == 0 || redeeming(state, browser, nth - 1).is_some()) => {
                steps.push(Step::Redeem { browser, nth });
            }
            None => {}
            Some(Redeeming::Looked { .. }) => steps.push(Step::Take { browser, nth }),
            Some(Redeeming::Read { .. }) => steps.push(Step::Delete { browser, nth }),
            Some(Redeeming::Taken(vouch)) if !is_serial => {
                // The row of the phone is locked by whoever is in a unit with it.
                let is_locked = state
                    .redeems()
                    .any(|other| matches!(other, Redeeming::Checked(held) if held.phone == vouch.phone));
                if !is_locked {
                    steps.push(Step::Check { browser, nth });
                }
            }
            Some(Redeeming::Taken(_) | Redeeming::Checked(_)) => {
                steps.push(Step::Commit { browser, nth, answer_lost: false });
                if state.losses_left > 0 {
                    steps.push(Step::Commit { browser, nth, answer_lost: true });
                }
            }
        }
    }

    fn claim_get(&self, state: &mut State, phone: u8) -> Option<()> {
        let Some(Claiming::Proven { id, now }) = state.phone(phone).claiming.take() else { return None };
        // Whether it can be claimed is found out with the swap; only what is claimed already shows at once.
        let seen = state.slot.filter(|slot| self.world.claimed(slot.value).is_none());
        state.phone(phone).claiming = seen.map(|seen| Claiming::Looked { id, now, seen });
        Some(())
    }

    fn claim_swap(&self, state: &mut State, phone: u8, answer_lost: bool) -> Option<()> {
        let Some(Claiming::Looked { id, now, seen }) = state.phone(phone).claiming.take() else {
            return None;
        };
        let handle = Handle { nth: state.phone(phone).claims, id };
        let Some(value) = self.world.claim(seen.value, phone, handle, now) else { return Some(()) };
        if !self.swap(state, seen, value) {
            return Some(());
        }
        state.phone(phone).claims += 1;
        if answer_lost {
            state.losses_left -= 1;
        } else {
            state.phone(phone).handle = Some(handle);
        }
        Some(())
    }

    fn decide_swap(&self, state: &mut State, phone: u8, yes: bool, answer_lost: bool) -> Option<()> {
        let knows_code = self.knows_code(phone);
        let deciding = deciding(state, phone, yes);
        let Some(Deciding::Looked { handle, now, seen }) = deciding.take() else { return None };
        let Some(became) = self.world.decide(seen.value, Sent::honest(phone, handle, yes, knows_code), now)
        else {
            return Some(());
        };
        let (value, then) = match became {
            Became::Approved(value) => (value, Some(Deciding::Approved)),
            Became::Denied(value) => (value, Some(Deciding::Denied)),
            Became::Mistyped(value) => (value, None),
        };
        if !self.swap(state, seen, value) {
            *self::deciding(state, phone, yes) = Some(Deciding::Asked { handle });
            return Some(());
        }
        state.phone(phone).has_approved |= then == Some(Deciding::Approved);
        if answer_lost {
            state.losses_left -= 1;
        } else {
            *self::deciding(state, phone, yes) = then;
        }
        Some(())
    }

    fn decide_unit(&self, state: &mut State, phone: u8, yes: bool, fails: bool) -> Option<()> {
        let decided = deciding(state, phone, yes).take()?;
        if fails {
            state.losses_left -= 1;
            state.slot = None;
        } else if decided == Deciding::Approved {
            state.phone(phone).is_written = true;
        } else {
            let row = if self.setting.gate == Gate::End { 1 << 7 } else { 0 };
            // With the row there already the phone hears that it is too late.
            if state.gate & row == 0 {
                state.gate |= row;
                state.is_denied = true;
            }
        }
        Some(())
    }

    /// A decision that is not its phone's own, all steps in one: none is ever taken.
    fn smuggle(&self, state: &mut State, sent: Sent) -> Option<()> {
        let seen = state.slot?;
        let now = state.clock;
        let (Became::Approved(value) | Became::Denied(value) | Became::Mistyped(value)) =
            self.world.decide(seen.value, sent, now)?;
        self.swap(state, seen, value).then_some(())
    }

    fn forge(&self, state: &mut State, phone: u8) -> Option<()> {
        let (by, handle) = self.world.claimed(state.slot?.value)?;
        let honest = Sent::honest(by, handle, true, true);
        let sent = Sent { signer: phone, trusts_signer: self.has(Fault::AnyKey), ..honest };
        if by == phone { None } else { self.smuggle(state, sent) }
    }

    fn replay(&self, state: &mut State) -> Option<()> {
        let (by, handle) = self.world.claimed(state.slot?.value)?;
        let nth = handle.nth.checked_sub(1)?;
        self.smuggle(state, Sent::honest(by, Handle { nth, ..handle }, true, true))
    }

    fn redeem(&self, state: &mut State, browser: Browser, nth: usize) -> Option<()> {
        let (now, value) = (state.clock, state.slot?.value);
        let told = if self.has(Fault::StoppedClock) { self.world.approved_at(value)? } else { now };
        if !self.world.is_approved(value, told) {
            return None;
        }
        *redeem_of(state, browser, nth) = Some(Redeeming::Looked { now });
        Some(())
    }

    fn take(&self, state: &mut State, browser: Browser, nth: usize) -> Option<()> {
        let Some(Redeeming::Looked { now }) = redeem_of(state, browser, nth).take() else { return None };
        let Some(slot) = state.slot else { return Some(()) };
        let value = slot.value;
        *redeem_of(state, browser, nth) = if self.has(Fault::ReadThenDelete) {
            Some(Redeeming::Read { now, value })
        } else {
            state.slot = None;
            self.vouched(value, browser, now)
        };
        Some(())
    }

    fn delete(&self, state: &mut State, browser: Browser, nth: usize) -> Option<()> {
        let Some(Redeeming::Read { now, value }) = redeem_of(state, browser, nth).take() else { return None };
        state.slot = None;
        *redeem_of(state, browser, nth) = self.vouched(value, browser, now);
        Some(())
    }

    fn vouched(&self, value: Value, browser: Browser, asked: u8) -> Option<Redeeming> {
        let now = if self.has(Fault::StoppedClock) { self.world.approved_at(value)? } else { asked };
        let browser = if self.has(Fault::AnyBrowser) { Browser::Right } else { browser };
        self.world.redeem(value, browser, asked, now).map(Redeeming::Taken)
    }

    /// `device_used`: phone and owner are active.
    fn check(&self, state: &mut State, browser: Browser, nth: usize) -> Option<()> {
        let Some(Redeeming::Taken(vouch)) = redeem_of(state, browser, nth).take() else { return None };
        if Self::is_active(state, vouch.phone) || self.has(Fault::NotAskedIfActive) {
            *redeem_of(state, browser, nth) = Some(Redeeming::Checked(vouch));
        }
        Some(())
    }

    fn commit(&self, state: &mut State, browser: Browser, nth: usize, answer_lost: bool) -> Option<()> {
        if self.setting.units == Units::Serial {
            self.check(state, browser, nth)?;
        }
        let Some(Redeeming::Checked(vouch)) = redeem_of(state, browser, nth).take() else { return Some(()) };
        let row = self.gate_bit(vouch);
        if state.gate & row != 0 {
            return Some(());
        }
        state.gate |= row;
        let session = Session {
            browser,
            vouch,
            is_alive: true,
            is_after_denial: state.is_denied,
            is_untold: answer_lost,
        };
        if answer_lost {
            state.losses_left -= 1;
        }
        // Two are enough to break the promise; a third tells nothing new.
        if let Some(free) = state.sessions.iter_mut().find(|kept| kept.is_none()) {
            *free = Some(session);
        }
        Some(())
    }

    fn do_step(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Tick => state.clock += 1,
            Step::Vanish => {
                state.slot = None;
                state.may_vanish = false;
            }
            Step::Replicate => state.replica = state.slot,
            Step::FailOver => {
                state.slot = state.replica;
                state.failovers_left -= 1;
            }
            Step::Revoke => {
                state.is_phone_revoked = true;
                end_sessions(state, |vouch| vouch.phone == PHONE);
            }
            Step::Disable => {
                state.is_owner_disabled = true;
                end_sessions(state, |vouch| vouch.account == ADA);
            }
            Step::Rotate => {
                let (seen, now) = (state.slot?, state.clock);
                self.world.rotate(seen.value, now)?;
                state.rotating = Some(Rotating { now, seen });
            }
            Step::RotateSwap => {
                let Rotating { now, seen } = state.rotating.take()?;
                let value = self.world.rotate(seen.value, now)?;
                state.is_rotated |= self.swap(state, seen, value);
            }
            Step::Claim { phone, id } => {
                state.phone(phone).claiming = Some(Claiming::Proven { id, now: state.clock });
                if self.stays_active(state, phone) {
                    self.claim_get(state, phone)?;
                }
            }
            Step::ClaimGet { phone } => self.claim_get(state, phone)?,
            Step::ClaimSwap { phone, answer_lost } => self.claim_swap(state, phone, answer_lost)?,
            Step::Decide { phone, yes } => {
                let handle = state.phone(phone).handle?;
                *deciding(state, phone, yes) = Some(Deciding::Asked { handle });
                if self.stays_active(state, phone) {
                    decide_get(state, phone, yes)?;
                }
            }
            Step::DecideGet { phone, yes } => decide_get(state, phone, yes)?,
            Step::DecideSwap { phone, yes, answer_lost } => {
                self.decide_swap(state, phone, yes, answer_lost)?;
            }
            Step::DecideUnit { phone, yes, fails } => self.decide_unit(state, phone, yes, fails)?,
            Step::Forge { phone } => self.forge(state, phone)?,
            Step::Replay => self.replay(state)?,
            Step::Redeem { browser, nth } => self.redeem(state, browser, nth)?,
            Step::Take { browser, nth } => self.take(state, browser, nth)?,
            Step::Delete { browser, nth } => self.delete(state, browser, nth)?,
            Step::Check { browser, nth } => self.check(state, browser, nth)?,
            Step::Commit { browser, nth, answer_lost } => self.commit(state, browser, nth, answer_lost)?,
        }
        Some(())
    }
}

impl Model for Channels {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let Setting { failovers, losses, vanishes, .. } = self.setting;
        vec![State {
            clock: 0,
            slot: Some(Slot { value: self.world.opened(!self.has(Fault::NoCode)), version: 0 }),
            replica: None,
            failovers_left: failovers,
            losses_left: losses,
            may_vanish: vanishes,
            phones: [Phone::default(); 3],
            rotating: None,
            is_rotated: false,
            redeeming: [None; 2],
            attacking: None,
            gate: 0,
            sessions: [None; 2],
            is_phone_revoked: false,
            is_owner_disabled: false,
            is_denied: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.steps_of_stores(state, steps);
        if self.setting.rotates && !state.is_rotated {
            steps.push(if state.rotating.is_some() { Step::RotateSwap } else { Step::Rotate });
        }
        for phone in [PHONE, TABLET, STRANGER] {
            if self.setting.phones.contains(&phone) {
                self.steps_of_phone(state, phone, steps);
            }
        }
        if state.slot.is_some() {
            steps.push(Step::Replay);
        }
        for nth in 0..self.setting.redeems {
            self.steps_of_browser(state, Browser::Right, nth, steps);
        }
        if self.setting.is_attacked {
            self.steps_of_browser(state, Browser::Attacker, 0, steps);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = *last;
        self.do_step(&mut state, step)?;
        Some(state.tidy(!self.has(Fault::BlindSwap), |state, phone| self.stays_active(state, phone)))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all(&self.setting)
    }
}

fn deciding(state: &mut State, phone: u8, yes: bool) -> &mut Option<Deciding> {
    let phone = state.phone(phone);
    if yes { &mut phone.approving } else { &mut phone.denying }
}

fn decide_get(state: &mut State, phone: u8, yes: bool) -> Option<()> {
    let (slot, now) = (state.slot, state.clock);
    let deciding = deciding(state, phone, yes);
    let Some(Deciding::Asked { handle }) = *deciding else { return None };
    *deciding = slot.map(|seen| Deciding::Looked { handle, now, seen });
    Some(())
}

fn redeeming(state: &State, browser: Browser, nth: usize) -> Option<Redeeming> {
    match browser {
        Browser::Right => state.redeeming[nth],
        Browser::Attacker => state.attacking,
    }
}

fn redeem_of(state: &mut State, browser: Browser, nth: usize) -> &mut Option<Redeeming> {
    match browser {
        Browser::Right => &mut state.redeeming[nth],
        Browser::Attacker => &mut state.attacking,
    }
}

fn end_sessions(state: &mut State, which: fn(Vouch) -> bool) {
    for session in state.sessions.iter_mut().flatten() {
        session.is_alive &= !which(session.vouch);
    }
}
