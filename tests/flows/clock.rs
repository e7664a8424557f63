//! A server in this process whose clock a test can move; on the cluster all its nodes.
//!
//! The same wiring as the program's (`server::wiring`), over the same kind of database; only the clock is
//! handed in. Nothing waits for real seconds: what has expired is refused although no sweeper ran (SEC-007).

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use app::Clock;
use testkit::Setup;

use crate::given::Scene;

/// A scene with its clock.
pub(crate) struct Timed {
    pub(crate) scene: Scene,
    clock: Clock,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Timed {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let server = setup.prepare();
        let clock = Clock::shifted(Arc::new(AtomicI64::new(0)));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel::<()>();
        let (files, handed) = (server.configs(), clock.clone());
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let (mut nodes, mut stoppers) = (Vec::new(), Vec::new());
                for file in files {
                    let config = server::config::load_from(Some(&file), &[]).expect("a good configuration");
                    let ground =
                        server::wiring::ground_at(&config, handed.clone()).await.expect("the ground");
                    let running = server::serve::start(&config, &ground).await.expect("a server");
                    stoppers.push(running.stopper());
                    nodes.push(actix_web::rt::spawn(running.server));
                }
                ready.send(()).expect("somebody waits");
                let _ = stopped.await;
                for stopper in stoppers {
                    stopper.stop().await;
                }
                for node in nodes {
                    let _ = node.await;
                }
            });
        });
        tokio::task::block_in_place(|| is_ready.recv_timeout(Duration::from_secs(30))).expect("a server");
        let password = server.user("ada");
        let shop = server.client("shop");
        Self { scene: Scene { server, password, shop }, clock, stop: Some(stop), thread: Some(thread) }
    }

    /// Moves the server's clock forward.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
