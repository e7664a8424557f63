//! `[sign_in]`: how people may sign in, and for how long.

use std::time::Duration;

use app::HashSettings;
use journey::MethodPolicy;
use signin::SessionLimits;

use super::section::section;
use super::source::Fault;

section! {
    /// How people may sign in, and for how long.
    "sign_in" {
        /// What is offered: `password`, `passkey`, `phone` (by QR). A relying party may demand less or more.
        methods: Vec<String> = ["password", "passkey", "phone"].map(str::to_owned).to_vec();
        /// Minutes without use after which a session ends.
        session_idle_minutes: u32 = 60;
        /// Hours after which a session ends in any case.
        session_hours: u32 = 24;
        /// The same for sessions that a phone approved in a browser its owner had not used before: minutes
        /// without use.
        unknown_browser_idle_minutes: u32 = 30;
        /// And hours in any case.
        unknown_browser_hours: u32 = 8;
        /// The shortest password taken, in characters.
        shortest_password: u32 = 8;
        /// Memory for hashing one password (Argon2id), in KiB.
        password_memory_kib: u32 = 19_456;
        /// Passes over that memory.
        password_passes: u32 = 2;
        /// Passwords hashed at once; 0 means one for each processor core. Each takes the memory above.
        password_threads: u16 = 0;
    }
}

/// Methods, sessions and hashing.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is offered at all.
    pub methods: MethodPolicy,
    /// Usual sessions.
    pub session: SessionLimits,
    /// Sessions by phone in an unknown browser.
    pub unknown_browser_session: SessionLimits,
    /// In characters.
    pub shortest_password: usize,
    /// How passwords are hashed.
    pub hashing: HashSettings,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// No method at all, a limit of none or too long (SEC-152), hashing that is too weak (SEC-160).
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let hashing =
            HashSettings::new(self.password_memory_kib, self.password_passes, 1).map_err(|bad| {
                Fault::new("password_memory_kib", format!("Hashing with these values {bad}. Take more."))
            })?;
        let hashing = match self.password_threads {
            0 => hashing,
            threads @ 1..=256 => hashing.with_threads(usize::from(threads)),
            _ => return Err(Fault::new("password_threads", "Take a number from 0 to 256.")),
        };
        if !(8..=128).contains(&self.shortest_password) {
            return Err(Fault::new("shortest_password", "Take a number from 8 to 128."));
        }
        let session = limits(
            ("session_idle_minutes", self.session_idle_minutes),
            ("session_hours", self.session_hours),
        )?;
        let unknown_browser_session = limits(
            ("unknown_browser_idle_minutes", self.unknown_browser_idle_minutes),
            ("unknown_browser_hours", self.unknown_browser_hours),
        )?;
        Ok(Settings {
            methods: self.methods()?,
            session,
            unknown_browser_session,
            shortest_password: usize::try_from(self.shortest_password).unwrap_or(128),
            hashing,
        })
    }

    fn methods(&self) -> Result<MethodPolicy, Fault> {
        let mut methods = MethodPolicy { password: false, passkey: false, phone: false, cas_phone: false };
        for name in &self.methods {
            match name.as_str() {
                "password" => methods.password = true,
                "passkey" => methods.passkey = true,
                "phone" => methods.phone = true,
                other => {
                    let what = format!("There is no method `{other}`; choose from password, passkey, phone.");
                    return Err(Fault::new("methods", what));
                }
            }
        }
        if methods.password || methods.passkey {
            Ok(methods)
        } else {
            // A phone alone cannot re-authenticate its owner (SEC-042), nor enrol the first phone.
            Err(Fault::new("methods", "Offer password or passkey at least; a phone comes beside them."))
        }
    }
}

fn limits(idle: (&'static str, u32), absolute: (&'static str, u32)) -> Result<SessionLimits, Fault> {
    if !(1..=7 * 24 * 60).contains(&idle.1) {
        return Err(Fault::new(idle.0, "Take a number of minutes from 1 to 10080."));
    }
    if !(1..=30 * 24).contains(&absolute.1) {
        return Err(Fault::new(absolute.0, "Take a number of hours from 1 to 720."));
    }
    Ok(SessionLimits {
        idle: Duration::from_secs(u64::from(idle.1) * 60),
        absolute: Duration::from_secs(u64::from(absolute.1) * 3600),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_ones_of_the_crate_that_uses_them() {
        let (ours, theirs) = (Given::default().resolve().unwrap(), signin::Settings::default());
        assert_eq!(ours.session, theirs.session);
        assert_eq!(ours.unknown_browser_session, theirs.unknown_browser_session);
        assert_eq!(ours.shortest_password, registry::Settings::default().shortest_password);
        assert!(ours.methods.password && ours.methods.passkey && ours.methods.phone);
    }

    #[test]
    fn sec_160_weak_hashing_does_not_start() {
        let weak = Given { password_memory_kib: 4096, ..Given::default() };
        assert_eq!(weak.resolve().unwrap_err().key, "password_memory_kib");
        let few = Given { password_passes: 1, ..Given::default() };
        assert!(few.resolve().is_err());
    }

    #[test]
    fn a_phone_is_not_offered_alone() {
        let given = |names: &[&str]| Given {
            methods: names.iter().map(|n| (*n).to_owned()).collect(),
            ..Given::default()
        };
        assert!(given(&["phone"]).resolve().is_err());
        assert!(given(&[]).resolve().is_err());
        assert!(given(&["passkey", "sms"]).resolve().is_err());
        assert!(given(&["passkey"]).resolve().is_ok());
    }
}
