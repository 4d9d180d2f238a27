//! Ports for servers that are started again at the same address.

use std::{io::Result, net::TcpListener};

use uuid::Uuid;

/// Below those that the kernel gives to outgoing connections, so that nobody takes one while its server is down. (A member
/// of a Redis cluster listens on the port 10,000 above its own as well.)
const FIRST: u16 = 10_000;
const NUMBER: u16 = 20_000;

/// Several that are free now, since another process may take one before the server does.
pub fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut listeners = Vec::new();
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let mut tries = 0;
        loop {
            let (_, drawn, ..) = Uuid::new_v4().as_fields();
            match TcpListener::bind(("127.0.0.1", FIRST + drawn % NUMBER)) {
                Ok(listener) => {
                    *port = listener.local_addr()?.port();
                    listeners.push(listener);
                    break;
                }
                Err(error) if tries == 100 => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }
    Ok(ports)
}
