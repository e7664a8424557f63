//! A program of ours as a server beside the others: it can be killed, paused and started again.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::house::{House, signal};

/// A program in a folder of its own. Dropping it ends it.
#[derive(Debug)]
pub struct Program {
    house: House,
    program: PathBuf,
    arguments: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl Program {
    /// A program that does not run yet.
    #[must_use]
    pub fn new(name: &str, program: &Path, arguments: &[&str]) -> Self {
        Self {
            house: House::new(name, None),
            program: program.to_owned(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            child: Mutex::new(None),
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its folder: it runs in it, and may be given files there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.house.folder()
    }

    /// Starts it. Whether it comes up is for the caller to see.
    ///
    /// # Panics
    /// When there is no such program.
    pub fn start(&self) {
        let mut command = self.house.command(&self.program);
        command.args(&self.arguments);
        let child = self.house.spawn(command, "log");
        *self.child() = Some(child);
    }

    /// Whether it was started and has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.child().as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The number of its process; 0 when it was not started.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child().as_ref().map_or(0, Child::id)
    }

    /// What it has written.
    #[must_use]
    pub fn log(&self) -> String {
        self.house.log("log")
    }

    /// Asks it to end (SIGTERM); [`Program::ended`] says when it has.
    pub fn terminate(&self) {
        self.tell("TERM");
    }

    /// Its exit code once it has ended (-1 when a signal ended it); none while it runs.
    #[must_use]
    pub fn ended(&self) -> Option<i32> {
        let mut place = self.child();
        let status = place.as_mut()?.try_wait().ok().flatten()?;
        Some(status.code().unwrap_or(-1))
    }

    /// Ends it at once (SIGKILL).
    pub fn kill9(&self) {
        let mut place = self.child();
        if let Some(mut child) = place.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it in its tracks (SIGSTOP): connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.tell("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.tell("CONT");
    }

    fn tell(&self, name: &str) {
        if let Some(child) = self.child().as_ref() {
            signal(child.id(), name);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill9();
    }
}
