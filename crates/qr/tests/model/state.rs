//! What the model is made of at one moment.
//!
//! Owns: the slot with its version, the replica that a failover would put in its place, what every running
//! request holds, and the database. Nodes keep nothing between requests, so a request is all there is of one.
//! Not here: what happens next (`model`).

use crate::world::{Browser, Handle, Value, Vouch};

/// A slot of the live store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    pub value: Value,
    /// Compared only, so it is renumbered: the same constellation is one state, however often was written.
    pub version: u8,
}

/// `signin::phone::claim` on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Claiming {
    /// Key proven, phone and owner active, clock read.
    Proven { id: u8, now: u8 },
    /// Channel read.
    Looked { id: u8, now: u8, seen: Slot },
}

/// `signin::phone::decide` on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deciding {
    /// Phone and owner active.
    Asked { handle: Handle },
    /// Clock and channel read.
    Looked { handle: Handle, now: u8, seen: Slot },
    /// The swap was won; the unit of work is to come.
    Approved,
    /// The same for a no.
    Denied,
}

/// A phone with its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Phone {
    /// Claims that won their swap.
    pub claims: u8,
    /// What it was told last.
    pub handle: Option<Handle>,
    pub claiming: Option<Claiming>,
    pub approving: Option<Deciding>,
    pub denying: Option<Deciding>,
    /// Its own approval, rightly signed, won a swap.
    pub has_approved: bool,
    /// Opening, claim and approval are in the audit trail.
    pub is_written: bool,
}

/// `signin::phone::redeem` on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Redeeming {
    /// Clock read, an approved channel seen.
    Looked { now: u8 },
    /// Read, and not yet removed: only where a planted fault has no `take`.
    Read { now: u8, value: Value },
    /// Taken; the pure move said yes. The unit of work is to come.
    Taken(Vouch),
    /// Inside the unit: phone and owner were active. The phone's row is locked.
    Checked(Vouch),
}

/// `signin::phone::open` showing another id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rotating {
    pub now: u8,
    pub seen: Slot,
}

/// A row of the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session {
    pub browser: Browser,
    pub vouch: Vouch,
    pub is_alive: bool,
    /// A denial had been acknowledged when it was committed.
    pub is_after_denial: bool,
    /// Its browser never got the answer.
    pub is_untold: bool,
}

/// Everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    pub clock: u8,
    pub slot: Option<Slot>,
    /// What is at the replica: some earlier content of the slot.
    pub replica: Option<Slot>,
    pub failovers_left: u8,
    pub losses_left: u8,
    pub may_vanish: bool,
    pub phones: [Phone; 3],
    pub rotating: Option<Rotating>,
    pub is_rotated: bool,
    pub redeeming: [Option<Redeeming>; 2],
    pub attacking: Option<Redeeming>,
    /// Rows of the unique index: one bit per hash.
    pub gate: u8,
    pub sessions: [Option<Session>; 2],
    pub is_phone_revoked: bool,
    pub is_owner_disabled: bool,
    /// Some phone was told that its no, or its last wrong code, counts.
    pub is_denied: bool,
}

/// A version that nobody has seen.
pub const FRESH: u8 = u8::MAX;

impl State {
    pub fn phone(&mut self, phone: u8) -> &mut Phone {
        &mut self.phones[usize::from(phone)]
    }

    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().flatten()
    }

    pub fn redeems(&self) -> impl Iterator<Item = &Redeeming> {
        self.redeeming.iter().chain([&self.attacking]).flatten()
    }

    /// The channel is nowhere any more and cannot come back.
    pub fn is_gone(&self) -> bool {
        self.slot.is_none() && self.replica.is_none()
    }

    /// One form for what cannot be told apart.
    ///
    /// A swap with a version that is nowhere any more can only be lost, which nobody sees: it is lost at once
    /// (`loses_swaps`; not where a planted fault lets it win). Requests that can only find nothing are over, and
    /// so are those that come again as they are (`comes_again`, by phone). A unit that only writes the trail of an
    /// approval is seen when it can fail. The two redeems of one browser are alike.
    pub fn tidy(mut self, loses_swaps: bool, comes_again: impl Fn(&Self, u8) -> bool) -> Self {
        if self.failovers_left == 0 {
            self.replica = None;
        }
        if loses_swaps {
            self.lose_swaps();
        }
        for phone in 0..3 {
            let again = comes_again(&self, phone);
            let (can_fail, clock) = (self.losses_left > 0, self.clock);
            let Phone { handle, claiming, approving, denying, .. } = self.phone(phone);
            if again {
                *claiming = claiming.filter(|c| !matches!(c, Claiming::Proven { now, .. } if *now == clock));
                let asked = handle.map(|handle| Deciding::Asked { handle });
                *denying = denying.filter(|d| Some(*d) != asked);
                *approving = approving.filter(|d| Some(*d) != asked);
            }
            if *approving == Some(Deciding::Approved) && !can_fail {
                *approving = None;
                self.phone(phone).is_written = true;
            }
        }
        if self.is_gone() {
            self.rotating = None;
            for phone in &mut self.phones {
                phone.claiming = None;
                phone.handle = None;
                for deciding in [&mut phone.approving, &mut phone.denying] {
                    *deciding = deciding.filter(|d| matches!(d, Deciding::Approved | Deciding::Denied));
                }
            }
            for redeeming in self.redeeming.iter_mut().chain([&mut self.attacking]) {
                *redeeming = redeeming.filter(|r| !matches!(r, Redeeming::Looked { .. }));
            }
        }
        self.redeeming.sort_by_key(|redeeming| redeeming.map_or((u8::MAX, 0), rank));
        self.renumber();
        self
    }

    fn lose_swaps(&mut self) {
        let (slot, replica) = (self.slot, self.replica);
        let is_old = |seen: &Slot| [slot, replica].iter().flatten().all(|kept| kept.version != seen.version);
        self.rotating = self.rotating.filter(|rotating| !is_old(&rotating.seen));
        for phone in &mut self.phones {
            phone.claiming = phone.claiming.filter(|claiming| match claiming {
                Claiming::Looked { seen, .. } => !is_old(seen),
                Claiming::Proven { .. } => true,
            });
            for deciding in [&mut phone.approving, &mut phone.denying] {
                if let Some(Deciding::Looked { handle, seen, .. }) = deciding
                    && is_old(seen)
                {
                    *deciding = Some(Deciding::Asked { handle: *handle });
                }
            }
        }
    }

    fn renumber(&mut self) {
        let mut known: [Option<u8>; 16] = [None; 16];
        let mut number = |slot: &mut Slot| {
            for (new, old) in (0u8..).zip(&mut known) {
                if old.is_none() || *old == Some(slot.version) {
                    *old = Some(slot.version);
                    slot.version = new;
                    return;
                }
            }
        };
        self.slot.iter_mut().for_each(&mut number);
        self.replica.iter_mut().for_each(&mut number);
        self.rotating.iter_mut().for_each(|rotating| number(&mut rotating.seen));
        for phone in &mut self.phones {
            if let Some(Claiming::Looked { seen, .. }) = &mut phone.claiming {
                number(seen);
            }
            for deciding in [&mut phone.approving, &mut phone.denying] {
                if let Some(Deciding::Looked { seen, .. }) = deciding {
                    number(seen);
                }
            }
        }
    }
}

fn rank(redeeming: Redeeming) -> (u8, u16) {
    let of = |vouch: Vouch| {
        u16::from(vouch.phone) << 3
            | u16::from(vouch.id) << 2
            | u16::from(vouch.account) << 1
            | u16::from(vouch.is_late)
    };
    match redeeming {
        Redeeming::Looked { now } => (now, 0),
        Redeeming::Read { now, value } => (16 + now, value.0),
        Redeeming::Taken(vouch) => (32, of(vouch)),
        Redeeming::Checked(vouch) => (33, of(vouch)),
    }
}
