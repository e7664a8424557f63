//! What a world that is walked through consists of, and what is wrong in it on purpose.

/// What the database refuses to take twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Nothing.
    Missing,
    /// A session of the same scanned id.
    ScannedId,
    /// A session of the same channel (its handle, which rotation does not change).
    Channel,
    /// An end of the same channel: a session or a denial.
    End,
}

/// How units of work are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// One after the other (SQLite).
    Serial,
    /// Statement by statement, with row locks (PostgreSQL, READ COMMITTED).
    ReadCommitted {
        /// The redeem's check locks the account's row for reading.
        locks_account: bool,
    },
}

/// What can be wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `swap` does not compare versions.
    BlindSwap,
    /// `take` is a read and a delete.
    ReadThenDelete,
    /// The redeem's unit does not ask whether phone and owner are active.
    NotAskedIfActive,
    /// The redeem takes the channel's browser for its own.
    AnyBrowser,
    /// The redeem tells the channel the time of its approval instead of now.
    StoppedClock,
    /// The key that signed is taken for the key of the phone that is named.
    AnyKey,
    /// No check code is asked for.
    NoCode,
}

/// One world to walk through.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// What the clock can say: seconds since the opening.
    pub times: &'static [u32],
    /// Phones that take part.
    pub phones: &'static [u8],
    /// The stranger reads the check code over Ada's shoulder.
    pub stranger_sees_code: bool,
    /// A browser with the id and without the secret redeems too. The journey's own check is taken for broken.
    pub is_attacked: bool,
    /// Redeems of the right browser at once.
    pub redeems: usize,
    /// The page shows a second id.
    pub rotates: bool,
    /// The live store may lose the slot.
    pub vanishes: bool,
    /// So many answers are lost after the deed, or units of work fail.
    pub losses: u8,
    /// So often the live store falls back to what a replica has.
    pub failovers: u8,
    /// Ada's phone may be revoked.
    pub revokes: bool,
    /// Ada's account may be disabled.
    pub disables: bool,
    pub gate: Gate,
    pub units: Units,
    pub fault: Option<Fault>,
}
