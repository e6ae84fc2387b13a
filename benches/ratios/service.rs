//! A minimal server in another process: it gives the same answer to every request.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tokio::net::TcpListener;

/// The argument that makes this program the server.
pub(crate) const SERVE: &str = "--serve";

/// The answer to a full request: ten targets with ten accounts each, all revoked.
pub(crate) fn body() -> String {
    let accounts: Vec<_> = (0..10)
        .map(|account| serde_json::json!({"Code": "OK", "HostAccountId": (2000 + account).to_string()}))
        .collect();
    let results: Vec<_> = (0..10)
        .map(|target| serde_json::json!({"Code": "OK", "HostId": (100 + target).to_string(), "HostAccounts": accounts}))
        .collect();
    let id = "11111111-2222-4333-8444-555555555555";
    serde_json::json!({"RequestId": id, "Results": results}).to_string()
}

/// Serves until standard input ends.
pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(connection);
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    static BODY: OnceLock<Bytes> = OnceLock::new();
    let _ = request.into_body().collect().await;
    let body = BODY.get_or_init(|| body().into()).clone();
    Ok(Response::new(Full::new(body)))
}

/// The server, which is stopped when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let stdout = child.stdout.take().ok_or_else(|| anyhow::anyhow!("no output"))?;
        BufReader::new(stdout).read_line(&mut address)?;
        Ok(Self { child, url: format!("http://{}", address.trim()) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
