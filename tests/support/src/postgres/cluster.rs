//! A primary and its standbys.

use super::{PASSWORD, Server, programs};
use tempfile::TempDir;

/// The database of the log.
const DATABASE: &str = "cartlog";
/// The names of the servers, the first of which begins as the primary.
const NAMES: [&str; 3] = ["s0", "s1", "s2"];

/// Whether an acknowledgement waits for a standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    /// For any one of two.
    Quorum,
    /// For none of two.
    Asynchronous,
    /// There are none.
    None,
}

/// Servers that replicate one log. Dropping it stops them and removes their files.
pub struct Cluster {
    /// Stopped before the folder is removed.
    servers: Vec<Server>,
    primary: usize,
    /// Former primaries, which follow no server.
    replaced: Vec<usize>,
    _folder: TempDir,
}

impl Cluster {
    /// Starts the servers, with an empty database that the role `cartlog_owner` owns, and a role
    /// `cartlog_server` that may do nothing yet.
    pub async fn start(replication: Replication) -> Cluster {
        Cluster::start_with(replication, &[]).await
    }

    /// As [`Cluster::start`], with further settings of the servers.
    pub async fn start_with(replication: Replication, settings: &[&str]) -> Cluster {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder for the servers");
        programs::hand_over(folder.path());
        let names = if replication == Replication::None {
            &NAMES[..1]
        } else {
            &NAMES[..]
        };
        let servers = names
            .iter()
            .map(|name| Server::new(name, folder.path().join(name)));
        let mut servers: Vec<Server> = servers.collect();
        let (primary, standbys) = servers.split_at_mut(1);
        let primary = &mut primary[0];
        programs::copy_new_data(primary.data());
        for setting in settings {
            primary.set(setting);
        }
        for standby in &*standbys {
            programs::copy(primary.data(), standby.data());
        }
        if replication == Replication::Quorum {
            // On every server, since each may become the primary.
            for server in standbys.iter().chain([&*primary]) {
                server.set("synchronous_standby_names = 'ANY 1 (s0, s1, s2)'");
            }
        }
        for standby in &*standbys {
            standby.follow(primary.port);
        }
        std::thread::scope(|scope| {
            for server in standbys {
                scope.spawn(|| server.start());
            }
            primary.start();
        });
        let cluster = Cluster {
            servers,
            primary: 0,
            replaced: Vec::new(),
            _folder: folder,
        };
        let primary = cluster.primary();
        for role in ["cartlog_owner", "cartlog_server"] {
            let create = format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'");
            primary.sql("postgres", &create).await;
        }
        let create = format!("CREATE DATABASE {DATABASE} OWNER cartlog_owner");
        primary.sql("postgres", &create).await;
        cluster
    }

    pub fn primary(&self) -> &Server {
        &self.servers[self.primary]
    }

    pub fn primary_mut(&mut self) -> &mut Server {
        &mut self.servers[self.primary]
    }

    pub fn standbys(&self) -> impl Iterator<Item = &Server> {
        let servers = self.servers.iter().enumerate();
        servers.filter_map(|(index, server)| self.is_standby(index).then_some(server))
    }

    pub fn standbys_mut(&mut self) -> Vec<&mut Server> {
        let standbys: Vec<bool> = (0..self.servers.len())
            .map(|index| self.is_standby(index))
            .collect();
        let servers = self.servers.iter_mut().zip(standbys);
        servers
            .filter_map(|(server, is_standby)| is_standby.then_some(server))
            .collect()
    }

    fn is_standby(&self, index: usize) -> bool {
        index != self.primary && !self.replaced.contains(&index)
    }

    /// The address of all servers, any of which may be the primary.
    pub fn url(&self) -> String {
        self.url_of("cartlog_owner")
    }

    pub fn url_of(&self, role: &str) -> String {
        let hosts: Vec<String> = self
            .servers
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port))
            .collect();
        let hosts = hosts.join(",");
        format!("postgres://{role}:{PASSWORD}@{hosts}/{DATABASE}?sslmode=disable")
    }

    /// Runs statements on the primary as the superuser.
    pub async fn sql(&self, statements: &str) -> Vec<String> {
        self.primary().sql(DATABASE, statements).await
    }

    /// Lets a server that was frozen go on.
    pub fn thaw(&self, port: u16) {
        self.at(port).thaw();
    }

    /// Runs statements on the server at `port`, whatever its role is now.
    pub async fn shown_by(&self, port: u16, statements: &str) -> Vec<String> {
        self.at(port).sql(DATABASE, statements).await
    }

    fn at(&self, port: u16) -> &Server {
        let found = self.servers.iter().find(|server| server.port == port);
        found.expect("a server of this cluster")
    }

    /// Kills the primary, promotes the standby that has received most, and lets the other one
    /// follow it. The old primary stays down.
    pub async fn fail_over(&mut self) {
        self.primary_mut().stop_immediately();
        self.promote_best_standby().await;
    }

    /// Promotes the standby that has received most, whatever the primary does.
    pub async fn promote_best_standby(&mut self) {
        let mut best: Option<(u64, usize)> = None;
        for (index, server) in self.servers.iter().enumerate() {
            if !self.is_standby(index) || !server.is_running() {
                continue;
            }
            let received = "SELECT pg_wal_lsn_diff(
                greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')";
            let received = server.sql("postgres", received).await;
            let received: u64 = received[0].parse().expect("a place in the log");
            best = best.max(Some((received, index)));
        }
        let (_, next) = best.expect("a standby that runs");
        self.servers[next]
            .sql("postgres", "SELECT pg_promote()")
            .await;
        self.replaced.push(self.primary);
        self.primary = next;
        let port = self.primary().port;
        for standby in self.standbys_mut() {
            standby.follow(port);
            // Restarted: one that is connecting to a primary that hangs would go on trying.
            standby.crash();
        }
    }
}
