//! Which NATS server is meant by a URL.

/// Where this project's server listens when nobody says otherwise.
pub(crate) const DEFAULT_PORT: u16 = 4222;

/// Host and port of a NATS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an IP address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Reads `nats://user:password@host:port`; scheme, user and port may be missing. Of several servers (a cluster's, with
    /// commas between them) the first.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let first = url.split(',').next().unwrap_or_default().trim();
        let rest = first.split_once("://").map_or(first, |(_, rest)| rest);
        let rest = rest
            .rsplit_once('@')
            .map_or(rest, |(_, rest)| rest)
            .trim_end_matches('/');
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => rest
                .rsplit_once(':')
                .map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(DEFAULT_PORT), str::parse);
        match port {
            Ok(port) if port > 0 && !host.is_empty() => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(format!(
                "{first:?} is not a NATS URL: write nats://HOST:PORT"
            )),
        }
    }

    /// Whether both URLs mean one server; user and password do not matter, and this machine has two usual names.
    pub(crate) fn same(one: &str, other: &str) -> bool {
        let plain = |url| {
            Self::parse(url).map(|address| {
                let local = address.host == "localhost";
                let host = if local {
                    "127.0.0.1".to_owned()
                } else {
                    address.host
                };
                (host, address.port)
            })
        };
        matches!((plain(one), plain(other)), (Ok(one), Ok(other)) if one == other)
    }

    /// Whether this is this machine, so that a server of ours may listen there.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_found_in_all_usual_forms() {
        let cases = [
            ("nats://127.0.0.1:4333", "127.0.0.1", 4333),
            ("127.0.0.1", "127.0.0.1", 4222),
            ("tls://me:p@ss@nats.example.org:1/", "nats.example.org", 1),
            ("nats://[::1]:4223", "::1", 4223),
            ("nats://a:1,nats://b:2", "a", 1),
        ];
        for (url, host, port) in cases {
            let expected = Address {
                host: host.to_owned(),
                port,
            };
            assert_eq!(Address::parse(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "nats://",
            "nats://host:port",
            "nats://host:70000",
            "nats://host:0",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn one_server_has_several_urls() {
        assert!(Address::same(
            "nats://localhost",
            "nats://me:p@127.0.0.1:4222"
        ));
        assert!(!Address::same("nats://localhost", "nats://localhost:4223"));
        assert!(!Address::same("", ""));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let is_loopback = |url| Address::parse(url).unwrap().is_loopback();
        assert!(is_loopback("localhost") && is_loopback("127.0.0.1:4") && is_loopback("[::1]:4"));
        assert!(!is_loopback("nats://10.0.0.1") && !is_loopback("nats://demo.nats.io"));
    }
}
