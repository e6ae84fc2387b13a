//! `rediss://`: the worker trusts the right certificate and no other.
//!
//! The test ends TLS in front of a plain Redis, with certificates of its own: not every build of
//! redis-server has TLS.

use super::server::Redis;
use super::workers::{STREAM, Worker};
use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService, with_keys};
use bastion_revoke::sim::{ACCESS_KEY_SECRET, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::process::Command;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A certificate authority that exists for one test.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
        .expect("a certificate")
}

/// Ends TLS on a port of loopback, with a certificate for `name`, and passes the rest to Redis.
fn terminator(
    redis: &Redis,
    authority: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> u16 {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate that matches its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let redis = redis.port;
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            listener.set_nonblocking(true).expect("a socket");
            let listener = TcpListener::from_std(listener).expect("a socket");
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let Ok(mut server) = TcpStream::connect(("127.0.0.1", redis)).await else {
                        return;
                    };
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
    });
    port
}

/// `work` over TLS on that port, trusting that authority.
fn work(sandbox: &Sandbox, port: u16, trusted: &CertifiedIssuer<'static, KeyPair>) -> Command {
    sandbox.file("ca.pem", trusted.pem());
    let queue = format!("rediss://127.0.0.1:{port}/{STREAM}");
    let mut command = sandbox.command(&[
        "work",
        "--queue",
        &queue,
        "--ca-file",
        "ca.pem",
        "--instance-id",
        INSTANCE,
        "--listen",
        "127.0.0.1:0",
        "--linger",
        "20ms",
    ]);
    with_keys(&mut command, ACCESS_KEY_SECRET);
    command
}

#[test]
fn a_worker_with_the_right_authority_revokes_over_tls() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let authority = authority();
    let port = terminator(&redis, &authority, "127.0.0.1", |_| {});
    let mut client = redis.connect();
    client.add_row(STREAM, "7", "1", "2");
    let mut command = work(&sandbox, port, &authority);
    command.args(["--endpoint", &service.endpoint()]);
    let worker = Worker::spawn(command, &sandbox);
    client.wait_for("{revocations}:outcomes", 1);
    assert_eq!(client.entries("{revocations}:outcomes")[0].1["status"], "revoked");
    assert_eq!(worker.drain(), 0);
}

/// The end of a worker that does not trust the certificate of Redis.
#[track_caller]
fn refuses(port: u16, trusted: &CertifiedIssuer<'static, KeyPair>, reason: &str) {
    let sandbox = Sandbox::new();
    let ended = Ended::of(&work(&sandbox, port, trusted).output().expect("it starts"));
    assert_eq!(ended.code, 78, "{ended:?}");
    assert!(ended.err.contains(reason), "{reason}: {ended:?}");
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let redis = Redis::start();
    let port = terminator(&redis, &authority(), "127.0.0.1", |_| {});
    refuses(port, &authority(), "invalid peer certificate");
}

#[test]
fn an_expired_certificate_is_refused() {
    let (redis, authority) = (Redis::start(), authority());
    let port = terminator(&redis, &authority, "127.0.0.1", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 12, 31);
    });
    refuses(port, &authority, "certificate expired");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (redis, authority) = (Redis::start(), authority());
    let port = terminator(&redis, &authority, "redis.example", |_| {});
    refuses(port, &authority, "not valid for name");
}
