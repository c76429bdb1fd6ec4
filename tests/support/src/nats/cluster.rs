//! Servers that replicate each other's streams.

use super::server::NatsServer;
use super::{OPERATOR, PASSWORD};
use crate::postgres::Proxy;
use crate::{PATIENCE, free_port};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// When a server syncs what it has written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sync {
    /// Before it acknowledges.
    #[default]
    Always,
    /// Every two minutes, which is the default.
    Default,
}

/// Where nothing listens.
const NOWHERE: &str = "127.0.0.1:1";

/// How the servers of a cluster differ from those of most tests.
#[derive(Debug, Clone, Default)]
pub struct NatsOptions {
    pub sync: Sync,
    /// Folders for the files of JetStream, one a server, in place of the cluster's own.
    pub stores: Vec<PathBuf>,
    /// The servers reach each other through proxies, so that one can be cut off from the others.
    pub has_links: bool,
    /// What the user `cartlog` may do, as `permissions` of the servers' settings; everything if it
    /// is empty.
    pub permissions: String,
}

/// Three servers, or one. Dropping it kills them and removes their files.
pub struct NatsCluster {
    /// Killed before the folder is removed.
    pub servers: Vec<NatsServer>,
    links: Vec<Link>,
    folder: TempDir,
}

/// The way between two servers.
struct Link {
    ends: [usize; 2],
    proxy: Proxy,
}

impl NatsCluster {
    /// Starts `count` servers and waits until JetStream can be used.
    pub async fn start(count: usize) -> NatsCluster {
        NatsCluster::start_with(count, NatsOptions::default()).await
    }

    /// As [`NatsCluster::start`], with other settings.
    pub async fn start_with(count: usize, options: NatsOptions) -> NatsCluster {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder for the servers");
        let routes: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let mut links = Vec::new();
        if options.has_links {
            for (from, to) in (0..count).flat_map(|from| (0..from).map(move |to| (from, to))) {
                let proxy = Proxy::start(routes[to], 0).await;
                let ends = [from, to];
                links.push(Link { ends, proxy });
            }
        }
        let servers = routes.iter().enumerate().map(|(index, route)| {
            let name = format!("n{index}");
            let own = folder.path().join(&name);
            let store = options.stores.get(index).cloned();
            let store = store.unwrap_or_else(|| own.join("store"));
            let server = NatsServer::new(&name, own, store, free_port());
            let urls: Vec<String> = if options.has_links {
                let own = links.iter().filter(|link| link.ends[0] == index);
                let own = own.map(|link| link.proxy.address.to_string());
                // The first one is found by the others, but has to name one.
                let own = own.chain((index == 0).then(|| NOWHERE.to_owned()));
                own.map(|address| format!("\"nats://{address}\"")).collect()
            } else {
                let route = |port| format!("\"nats://127.0.0.1:{port}\"");
                routes.iter().map(route).collect()
            };
            // So that no server finds a way around the proxies.
            let hidden = if options.has_links {
                format!("no_advertise: true, advertise: \"{NOWHERE}\",")
            } else {
                String::new()
            };
            let cluster = format!(
                "cluster {{ name: tests, listen: \"127.0.0.1:{route}\", {hidden} routes: [{}] }}",
                urls.join(", ")
            );
            let sync = match options.sync {
                Sync::Always => "sync_interval: always",
                Sync::Default => "",
            };
            server.configure(&format!(
                "server_name: {name}\nserver_tags: [\"{name}\"]\nlisten: \"127.0.0.1:{}\"\n\
                 jetstream {{ store_dir: \"{}\", max_mem: 64M, max_file: 4G, {sync} }}\n\
                 authorization {{ users: [\n\
                   {{ user: cartlog, password: \"{PASSWORD}\"\n{} }}\n\
                   {{ user: {OPERATOR}, password: \"{PASSWORD}\" }}\n\
                 ] }}\n{}\n",
                server.port,
                server.store().display(),
                options.permissions,
                if count > 1 { &cluster } else { "" },
            ));
            server
        });
        let mut cluster = NatsCluster {
            servers: servers.collect(),
            links,
            folder,
        };
        cluster.servers.iter_mut().for_each(NatsServer::start);
        let expected = cluster.servers.len();
        cluster
            .await_that("JetStream", async |client| {
                let info = ask(client, "INFO", &json!({})).await?;
                // A stream with as many replicas can be created once all servers have met.
                let probe = json!({
                    "name": "probe", "subjects": ["probe"], "num_replicas": expected,
                    "storage": "memory",
                });
                let created = ask(client, "STREAM.CREATE.probe", &probe).await?;
                let deleted = ask(client, "STREAM.DELETE.probe", &json!({})).await?;
                let errors = [&info, &created, &deleted].map(|answer| answer["error"].clone());
                errors.iter().all(Value::is_null).then_some(())
            })
            .await;
        cluster
    }

    /// The addresses of all servers.
    pub fn urls(&self) -> Vec<String> {
        self.servers
            .iter()
            .map(|server| format!("nats://127.0.0.1:{}", server.port))
            .collect()
    }

    /// The folder of all files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A client of the server `index`, or of any that runs.
    pub async fn client(&self, index: Option<usize>) -> async_nats::Client {
        let urls = self.urls();
        let urls = match index {
            Some(index) => vec![urls[index].clone()],
            None => urls,
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let options = async_nats::ConnectOptions::new()
                .user_and_password(OPERATOR.to_owned(), PASSWORD.to_owned())
                .ignore_discovered_servers()
                .max_reconnects(None);
            match options.connect(urls.clone()).await {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < deadline, "{error}: {}", self.logs()),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Cuts the server `index` off from the others, as a partition of their network does.
    pub fn cut_off(&self, index: usize) {
        assert!(!self.links.is_empty(), "a cluster with links");
        let own = self.links.iter().filter(|link| link.ends.contains(&index));
        own.for_each(|link| link.proxy.hold());
    }

    /// Lets all servers reach each other again.
    pub fn rejoin(&self) {
        self.links.iter().for_each(|link| link.proxy.release());
    }

    /// The answer of JetStream's API to `request`.
    pub async fn api(&self, subject: &str, request: &Value) -> Value {
        self.await_that(subject, async |client| ask(client, subject, request).await)
            .await
    }

    /// The place of the leader of `stream` among the servers, once there is one.
    pub async fn leader(&self, stream: &str) -> usize {
        let subject = format!("STREAM.INFO.{stream}");
        self.await_that("a leader", async |client| {
            let info = ask(client, &subject, &json!({})).await?;
            let leader = info["cluster"]["leader"].as_str()?.to_owned();
            let place = self
                .servers
                .iter()
                .position(|server| server.name == leader)?;
            self.servers[place].is_running().then_some(place)
        })
        .await
    }

    /// Waits until every running server has all messages of `stream`.
    pub async fn await_copies(&self, stream: &str) {
        let subject = format!("STREAM.INFO.{stream}");
        self.await_that("current copies", async |client| {
            let info = ask(client, &subject, &json!({})).await?;
            let replicas = info["cluster"]["replicas"].as_array()?;
            let is_current =
                |replica: &Value| replica["current"] == true && replica["lag"].is_null();
            replicas.iter().all(is_current).then_some(())
        })
        .await;
    }

    async fn await_that<T>(
        &self,
        what: &str,
        condition: impl AsyncFn(&async_nats::Client) -> Option<T>,
    ) -> T {
        let client = self.client(None).await;
        let deadline = Instant::now() + 3 * PATIENCE;
        loop {
            if let Some(found) = condition(&client).await {
                return found;
            }
            assert!(Instant::now() < deadline, "no {what}: {}", self.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn logs(&self) -> String {
        let logs: Vec<String> = self.servers.iter().map(NatsServer::log).collect();
        logs.join("\n--\n")
    }
}

async fn ask(client: &async_nats::Client, subject: &str, request: &Value) -> Option<Value> {
    let payload = request.to_string();
    let answer = client.request(format!("$JS.API.{subject}"), payload.into());
    let answer = tokio::time::timeout(Duration::from_secs(5), answer)
        .await
        .ok()?
        .ok()?;
    serde_json::from_slice(&answer.payload).ok()
}
