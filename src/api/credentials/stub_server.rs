//! A small HTTP server on loopback with the answers of a test; it stores its requests.

use reqwest::Url;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(super) struct StubRequest {
    /// `GET /path`.
    pub(super) line: String,
    pub(super) head: String,
    pub(super) query: String,
    pub(super) body: String,
}

impl StubRequest {
    /// Query and body together, decoded.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        Url::parse(&format!("http://x/?{}&{}", self.query, self.body))
            .unwrap()
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .filter(|(name, _)| !name.is_empty())
            .collect()
    }

    pub(super) fn get(&self, name: &str) -> String {
        let mut all = self.parameters().into_iter();
        all.find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
    }
}

pub(super) type Answers = dyn Fn(&StubRequest) -> (u16, String) + Send + Sync;

/// Stops when it is dropped.
pub(super) struct StubServer {
    pub(super) url: Url,
    asked: Arc<Mutex<Vec<StubRequest>>>,
    task: JoinHandle<()>,
}

impl StubServer {
    pub(super) async fn start(
        answers: impl Fn(&StubRequest) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Arc<Answers> = Arc::new(answers);
        let log = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&log)));
            }
        });
        Self { url, asked, task }
    }

    pub(super) fn requests(&self) -> Vec<StubRequest> {
        self.asked.lock().unwrap().clone()
    }

    /// An address where nothing listens.
    pub(super) async fn unused_address() -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap()
    }
}

impl Drop for StubServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answers: Arc<Answers>, log: Arc<Mutex<Vec<StubRequest>>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let asked = loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(asked) = whole(&bytes) {
            break asked;
        }
    };
    log.lock().unwrap().push(asked.clone());
    // A slow answer must not delay the others.
    let (status, body) = tokio::task::spawn_blocking(move || answers(&asked)).await.unwrap();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nlocation: http://127.0.0.1:1/\r\n\
         connection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn whole(bytes: &[u8]) -> Option<StubRequest> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
        return None;
    }
    let mut line = text.lines().next()?.split(' ');
    let (method, target) = (line.next()?, line.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (query, body) = (query.to_owned(), body.to_owned());
    Some(StubRequest { line: format!("{method} {path}"), head, query, body })
}
