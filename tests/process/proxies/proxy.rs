//! A reverse proxy as a process.

use cartlog_testkit::PATIENCE;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// A running proxy; dropping it kills it.
pub struct Proxy {
    process: Child,
    pub address: SocketAddr,
}

/// An address on loopback that is free now.
pub fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap()
}

impl Proxy {
    /// Starts nginx in `folder`, which listens on `address`. `http` is the content of its `http`
    /// block.
    pub async fn nginx(folder: &Path, address: SocketAddr, http: &str) -> Proxy {
        let own = |name: &str| folder.join(name).display().to_string();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {};", own(what)))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {pid}; error_log {log};
             events {{ worker_connections 64; }}
             http {{ access_log off; {temporary} {http} }}",
            pid = own("nginx.pid"),
            log = own("nginx.log"),
        );
        let file = own("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.arg("-e").arg(folder.join("nginx.log"));
        nginx.arg("-p").arg(folder).args(["-c", &file]);
        Proxy::start(nginx, address).await
    }

    /// Starts `proxy` and waits until it accepts connections at `address`.
    pub async fn start(mut proxy: Command, address: SocketAddr) -> Proxy {
        // Debian has them in a folder that is not on every user's path.
        let path = std::env::var("PATH").unwrap_or_default();
        proxy.env("PATH", format!("{path}:/usr/sbin"));
        let mut process = proxy.spawn().expect("the proxy starts");
        let started = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "the proxy ended: {ended:?}");
            assert!(started.elapsed() < PATIENCE, "the proxy does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Proxy { process, address }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
