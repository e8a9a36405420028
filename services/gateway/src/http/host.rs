//! Is the gateway asked under a name of its own? A page of another site that has its name resolve to this address (DNS rebinding) asks
//! under that other name, and is refused.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::problem::{Kind, Problem};

/// The port that a name without one means.
const HTTP_PORT: u16 = 80;

/// The address of this machine that a connection came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local(pub(super) SocketAddr);

/// The guard.
pub(super) async fn check(
    State(access): State<Arc<Access>>,
    Extension(Local(local)): Extension<Local>,
    request: Request,
    next: Next,
) -> Response {
    let asked = match asked(request.headers(), request.uri()) {
        Ok(asked) => asked,
        Err(what) => return Problem::new(Kind::BadRequest, what).into_response(),
    };
    if is_own(&asked, local, &access.allowed_hosts) {
        return next.run(request).await;
    }
    let what = format!(
        "{asked} is no name of this gateway\n  mend: use http://{local}, or start it with --allow-host {}",
        split(&asked).0
    );
    Problem::new(Kind::ForeignHost, what).into_response()
}

/// The host that is asked for, in lower case. A full address in the request line counts like the header, and must be the same.
fn asked(headers: &HeaderMap, uri: &Uri) -> Result<String, &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let host = host.ok_or("the header Host is missing or no text")?;
    if hosts.next().is_some() {
        return Err("there are several headers Host");
    }
    if uri.authority().is_some_and(|authority| authority != host) {
        return Err("the header Host and the request line name different hosts");
    }
    Ok(host.to_ascii_lowercase())
}

fn is_own(asked: &str, local: SocketAddr, allowed: &[String]) -> bool {
    let (name, port) = split(asked);
    let usual = ["localhost", "127.0.0.1", "[::1]"];
    let address = match local {
        SocketAddr::V4(local) => local.ip().to_string(),
        SocketAddr::V6(local) => match local.ip().to_ipv4_mapped() {
            Some(mapped) => mapped.to_string(),
            None => format!("[{}]", local.ip()),
        },
    };
    let is_here = usual.contains(&name) || name == address;
    let is_port = port.map_or(Some(HTTP_PORT), |port| port.parse().ok()) == Some(local.port());
    // Before a proxy the port is another one: a name that was allowed is allowed with any, one with a port only with that.
    let is_allowed = allowed.iter().any(|own| own == asked || own == name);
    (is_here && is_port) || is_allowed
}

/// Name and port; an IPv6 address is in brackets.
pub(super) fn split(host: &str) -> (&str, Option<&str>) {
    let name_ends = host.rfind(']').map_or(0, |bracket| bracket + 1);
    match host[name_ends..].find(':') {
        Some(colon) => {
            let (name, port) = host.split_at(name_ends + colon);
            (name, Some(&port[1..]))
        }
        None => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(asked: &str, local: &str) -> bool {
        let allowed = ["arena.example".to_owned(), "other.example:81".to_owned()];
        is_own(asked, local.parse().unwrap(), &allowed)
    }

    #[test]
    fn its_addresses_and_the_usual_names_are_its_own_with_its_port() {
        for asked in ["127.0.0.1:4280", "localhost:4280", "[::1]:4280"] {
            assert!(own(asked, "127.0.0.1:4280"), "{asked}");
            assert!(!own(asked, "127.0.0.1:4281"), "{asked}");
        }
        assert!(own("192.168.1.5:4280", "192.168.1.5:4280"));
        assert!(own("192.168.1.5:4280", "[::ffff:192.168.1.5]:4280"));
        assert!(own("[fe80::1]:4280", "[fe80::1]:4280"));
        assert!(own("localhost", "127.0.0.1:80"));
    }

    #[test]
    fn other_names_are_foreign_unless_allowed() {
        for asked in [
            "evil.example:4280",
            "localhost.evil.example:4280",
            "localhost",
            "",
            ":4280",
            "[::1",
            "127.0.0.1:4280:4280",
            "other.example:82",
            "arena.example.evil",
        ] {
            assert!(!own(asked, "127.0.0.1:4280"), "{asked}");
        }
        assert!(own("arena.example", "127.0.0.1:4280"));
        assert!(own("arena.example:443", "127.0.0.1:4280"));
        assert!(own("other.example:81", "127.0.0.1:4280"));
    }

    #[test]
    fn the_header_must_be_there_once_and_agree_with_the_request_line() {
        let asked = |hosts: &[&str], uri: &str| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            super::asked(&headers, &uri.parse().unwrap())
        };
        assert_eq!(asked(&["LocalHost:1"], "/"), Ok("localhost:1".to_owned()));
        assert!(asked(&[], "/").is_err());
        assert!(asked(&["a", "b"], "/").is_err());
        assert!(asked(&["a"], "http://b/").is_err());
        assert!(asked(&["a"], "http://a/").is_ok());
    }
}
