//! Servers that replicate each other's streams.

use super::PASSWORD;
use super::server::{NatsServer, free_port};
use crate::PATIENCE;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// When a server syncs what it has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Before it acknowledges.
    Always,
    /// Every two minutes, which is the default.
    Default,
}

/// Three servers, or one. Dropping it kills them and removes their files.
pub struct NatsCluster {
    /// Killed before the folder is removed.
    pub servers: Vec<NatsServer>,
    folder: TempDir,
}

impl NatsCluster {
    /// Starts `count` servers and waits until JetStream can be used.
    pub async fn start(count: usize) -> NatsCluster {
        NatsCluster::start_with(count, Sync::Always, "").await
    }

    /// As [`NatsCluster::start`], with further settings of each server.
    pub async fn start_with(count: usize, sync: Sync, settings: &str) -> NatsCluster {
        let folder = tempfile::tempdir_in("/tmp").expect("a folder for the servers");
        let routes: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let urls: Vec<String> = routes
            .iter()
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .collect();
        let servers = routes.iter().enumerate().map(|(index, route)| {
            let name = format!("n{index}");
            let server = NatsServer::new(&name, folder.path().join(&name), free_port());
            let cluster = format!(
                "cluster {{ name: tests, listen: \"127.0.0.1:{route}\", routes: [{}] }}",
                urls.join(", ")
            );
            let sync = match sync {
                Sync::Always => "sync_interval: always",
                Sync::Default => "",
            };
            server.configure(&format!(
                "server_name: {name}\nlisten: \"127.0.0.1:{}\"\n\
                 jetstream {{ store_dir: \"{}\", max_mem: 64M, max_file: 4G, {sync} }}\n\
                 authorization {{ users: [{{ user: cartlog, password: \"{PASSWORD}\" }}] }}\n\
                 {}\n{settings}\n",
                server.port,
                server.store().display(),
                if count > 1 { &cluster } else { "" },
            ));
            server
        });
        let mut cluster = NatsCluster {
            servers: servers.collect(),
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
                .user_and_password("cartlog".to_owned(), PASSWORD.to_owned())
                .ignore_discovered_servers()
                .max_reconnects(None);
            match options.connect(urls.clone()).await {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < deadline, "{error}: {}", self.logs()),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
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
