//! nginx.

use std::process::Child;
use std::time::Duration;

use crate::house::{House, find, is_listening, is_root, signal, wait_until};

/// A server of our own. Dropping it ends it.
#[derive(Debug)]
pub struct Nginx {
    house: House,
    port: u16,
    child: Child,
}

impl Nginx {
    /// Starts it with this text inside `http { … }`; it has to listen on `127.0.0.1:port`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(port: u16, http: &str) -> Self {
        let house = House::new("nginx", None);
        write(&house, http);
        let mut command = house.command(&find("nginx", "nginx", &[]));
        command.arg("-p").arg(house.folder()).args(["-c", "nginx.conf", "-e", "stderr"]);
        let mut child = house.spawn(command, "log");
        let up = wait_until(Duration::from_secs(30), || {
            matches!(child.try_wait(), Ok(Some(_))) || is_listening(port)
        });
        let ended = matches!(child.try_wait(), Ok(Some(_)));
        assert!(up && !ended, "nginx does not come up:\n{}", house.log("log"));
        Self { house, port, child }
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Goes on with another text inside `http { … }`, on the same port; what runs is finished by the old.
    pub fn reload(&self, http: &str) {
        write(&self.house, http);
        signal(self.child.id(), "HUP");
    }

    /// The number of its first process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it complained about.
    #[must_use]
    pub fn log(&self) -> String {
        self.house.log("log")
    }

    /// The requests it has seen.
    #[must_use]
    pub fn access_log(&self) -> String {
        self.house.log("access.log")
    }
}

/// Writes the configuration.
fn write(house: &House, http: &str) {
    let user = if is_root() { "user root;\n" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {}/{kind};\n", house.folder().display()))
        .concat();
    let text = format!(
        "{user}worker_processes 1;\ndaemon off;\npid nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 4096; }}\nhttp {{\n  access_log access.log;\n{temporary}{http}\n}}\n"
    );
    std::fs::write(house.folder().join("nginx.conf"), text).expect("written");
}

impl Drop for Nginx {
    fn drop(&mut self) {
        signal(self.child.id(), "TERM");
        let _ = self.child.wait();
    }
}
