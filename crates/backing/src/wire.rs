//! A wire between a client and a server that can be cut.
//!
//! Owns: a TCP relay on a port of its own. Cut: open connections are closed and new ones refused. Stalled:
//! connections stay open and nothing passes, as behind a firewall that drops.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
struct State {
    is_cut: AtomicBool,
    is_stalled: AtomicBool,
    is_over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    lies: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The relay. Dropping it cuts for good.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    state: Arc<State>,
}

impl Wire {
    /// Listens on a free port of loopback and passes everything to `port`.
    ///
    /// # Panics
    /// When no port can be opened.
    #[must_use]
    pub fn to(port: u16) -> Self {
        Self::lying(port, &[])
    }

    /// The same, but in what the server says the first text of each pair becomes the second, which is as long.
    ///
    /// # Panics
    /// When no port can be opened.
    #[must_use]
    pub fn lying(port: u16, lies: &[(&str, &str)]) -> Self {
        assert!(lies.iter().all(|(from, to)| from.len() == to.len()), "a lie is as long as the truth");
        let lies = lies.iter().map(|(from, to)| (from.as_bytes().to_vec(), to.as_bytes().to_vec())).collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, crate::free_port())).expect("a port");
        let here = listener.local_addr().expect("an address").port();
        let state = Arc::new(State { lies, ..State::default() });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                if shared.is_cut.load(Ordering::SeqCst) {
                    drop(client);
                    continue;
                }
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                join(&client, &server, &shared);
            }
        });
        Self { port: here, state }
    }

    /// The port of the client's end.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections and refuses new ones.
    pub fn cut(&self) {
        self.state.is_cut.store(true, Ordering::SeqCst);
        for stream in self.state.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets nothing pass; connections stay open.
    pub fn stall(&self) {
        self.state.is_stalled.store(true, Ordering::SeqCst);
    }

    /// Is a good wire again.
    pub fn mend(&self) {
        self.state.is_cut.store(false, Ordering::SeqCst);
        self.state.is_stalled.store(false, Ordering::SeqCst);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the listener.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn join(client: &TcpStream, server: &TcpStream, state: &Arc<State>) {
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    {
        let mut open = state.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|stream| stream.peer_addr().is_ok());
        open.extend([client.try_clone(), server.try_clone()].into_iter().flatten());
    }
    for (from, to, from_server) in [(client, server, false), (server, client, true)] {
        if let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) {
            let state = Arc::clone(state);
            thread::spawn(move || pass(from, to, &state, from_server));
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &State, from_server: bool) {
    let mut room = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut room) {
        while state.is_stalled.load(Ordering::SeqCst) && !state.is_cut.load(Ordering::SeqCst) {
            thread::sleep(LOOK);
        }
        if from_server {
            state.lies.iter().for_each(|(truth, lie)| replace(&mut room[..count], truth, lie));
        }
        if count == 0 || state.is_cut.load(Ordering::SeqCst) || to.write_all(&room[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn replace(bytes: &mut [u8], truth: &[u8], lie: &[u8]) {
    for at in 0..bytes.len().saturating_sub(truth.len() - 1) {
        if bytes[at..].starts_with(truth) {
            bytes[at..at + lie.len()].copy_from_slice(lie);
        }
    }
}
