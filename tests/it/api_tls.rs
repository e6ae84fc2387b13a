//! `https://`: the client sends nothing to a server whose certificate it does not trust.

use bastion_revoke::api::transport::{HttpTransport, Reach, SendError, Transport, WireRequest};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate authority that exists for one test.
fn authority() -> Authority {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
        .expect("a certificate")
}

/// TLS with a certificate for `name`.
fn acceptor(authority: &Authority, name: &str) -> TlsAcceptor {
    let params = CertificateParams::new([name.to_owned()]).expect("a name");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate that matches its key");
    TlsAcceptor::from(Arc::new(config))
}

/// Sends one request to a server with a certificate of `issuer` for `name`, trusting `trusted`.
/// Returns the client's result, and how many bytes of the request the server could decrypt.
async fn send(
    issuer: &Authority,
    name: &str,
    trusted: &Authority,
) -> (Result<u16, SendError>, usize) {
    let acceptor = acceptor(issuer, name);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let server = tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("a connection");
        let Ok(mut client) = acceptor.accept(client).await else { return 0 };
        let mut request = [0; 4096];
        let count = client.read(&mut request).await.unwrap_or_default();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = client.write_all(answer).await;
        let _ = client.shutdown().await;
        count
    });
    let pem = trusted.pem();
    let timeout = Duration::from_secs(10);
    let transport =
        HttpTransport::new(timeout, 1, Some(pem.as_bytes()), Reach::Loopback).expect("a client");
    let endpoint = format!("https://127.0.0.1:{port}").parse().expect("a URL");
    let request = WireRequest {
        endpoint,
        query: "Action=DetachHostAccountsFromUser".to_owned(),
        headers: http::HeaderMap::new(),
        body: String::new(),
    };
    let answer = transport.send(request).await.map(|answer| answer.status);
    (answer, server.await.expect("the server ends"))
}

#[tokio::test]
async fn a_trusted_certificate_gets_the_request() {
    let authority = authority();
    let (answer, count) = send(&authority, "127.0.0.1", &authority).await;
    assert_eq!(answer, Ok(200));
    assert!(count > 0);
}

#[tokio::test]
async fn a_certificate_of_another_authority_gets_no_request() {
    let (answer, count) = send(&authority(), "127.0.0.1", &authority()).await;
    assert!(matches!(answer, Err(SendError::NotSent(_))), "{answer:?}");
    assert_eq!(count, 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_gets_no_request() {
    let authority = authority();
    let (answer, count) = send(&authority, "bastion.example", &authority).await;
    assert!(matches!(answer, Err(SendError::NotSent(_))), "{answer:?}");
    assert_eq!(count, 0);
}
