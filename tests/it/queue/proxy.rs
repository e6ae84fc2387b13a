//! A proxy to Redis that a test can disconnect, reconnect and redirect.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The proxy; it forwards to a port of this machine, or disconnects.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    to: Option<u16>,
    open: Vec<TcpStream>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let state = Arc::new(Mutex::new(State { to: Some(port), open: Vec::new() }));
        let proxy = Self { port: own, state };
        let accepting = proxy.clone();
        // The thread ends with the process; a test leaves nothing else behind.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                accepting.connect(client);
            }
        });
        proxy
    }

    /// Connects a client, or disconnects it while there is no port.
    fn connect(&self, client: TcpStream) {
        let mut state = self.state.lock().expect("a state");
        let server = state.to.and_then(|port| TcpStream::connect(("127.0.0.1", port)).ok());
        let Some(server) = server else { return };
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) =
                (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
            std::thread::spawn(move || pump(from, to));
        }
        state.open.extend([client, server]);
    }

    /// Disconnects all clients; new ones are connected to that port, or to none.
    pub(crate) fn forward_to(&self, port: Option<u16>) {
        let mut state = self.state.lock().expect("a state");
        state.to = port;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 1 << 14];
    while let Ok(got) = from.read(&mut buffer) {
        if got == 0 || to.write_all(&buffer[..got]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
