//! Who may ask for what, as the command line has it.
//!
//! Invariant: a gateway that others can reach either wants a token for what changes something, or changes nothing.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use arena_chassis::Exit;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::host::split;
use crate::args::Args;

/// The token's place in the environment. It is never an argument: everybody on the machine may read arguments.
pub const TOKEN_VARIABLE: &str = "ARENA_GATEWAY_TOKEN";

/// What is shorter can be tried out.
const TOKEN_BYTES_MIN: usize = 16;

/// A token. It cannot be printed.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Whether it is this one, in a time that says nothing about how much of it is right: neither its bytes nor its length.
    #[must_use]
    pub fn is(&self, offered: &str) -> bool {
        self.0.ct_eq(&Self::new(offered).0).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token")
    }
}

/// The rules.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where it listens; port 0 means any, as a test wants it.
    pub listen: SocketAddr,
    /// Other names that it has, each with or without a port.
    pub allowed_hosts: Vec<String>,
    /// What a change wants.
    pub token: Option<Token>,
    /// Nothing can be changed.
    pub read_only: bool,
}

impl Access {
    /// The rules; an [`Exit`] with code 2 when they would let strangers change something.
    pub fn of(args: &Args) -> Result<Self, Exit> {
        let token = match &args.token_file {
            Some(file) => Some((read_token(file)?, file.display().to_string())),
            None => from_environment()?.map(|token| (token, TOKEN_VARIABLE.to_owned())),
        };
        let token = token
            .map(|(text, place)| checked(&text, &place))
            .transpose()?;
        if let Some((opening, instead)) = opened_by(args)
            && token.is_none()
            && !args.read_only
        {
            return Err(refused(format!(
                "{opening}: others could reach it and change everything\n  mend: give it a token ({TOKEN_VARIABLE} or --token-file FILE), or --read-only, or {instead}"
            )));
        }
        Ok(Self {
            listen: args.listen,
            allowed_hosts: args
                .allow_host
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            token,
            read_only: args.read_only,
        })
    }
}

/// What lets others than this machine in, and what to do instead. A name of elsewhere is one that a proxy passes on.
fn opened_by(args: &Args) -> Option<(String, &'static str)> {
    if !args.listen.ip().is_loopback() {
        return Some((format!("--listen {}", args.listen), "listen on 127.0.0.1"));
    }
    let mut names = args.allow_host.iter();
    let foreign = names.find(|name| !is_loopback(name))?;
    Some((format!("--allow-host {foreign}"), "do without that name"))
}

fn is_loopback(host: &str) -> bool {
    let (name, _) = split(host);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = address.parse().ok();
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

fn from_environment() -> Result<Option<String>, Exit> {
    match std::env::var(TOKEN_VARIABLE) {
        Ok(token) => Ok(Some(token)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(refused(format!(
            "{TOKEN_VARIABLE} is no text\n  mend: use letters and digits"
        ))),
    }
}

fn read_token(file: &Path) -> Result<String, Exit> {
    std::fs::read_to_string(file).map_err(|error| {
        refused(format!(
            "--token-file {}: {error}\n  mend: name a file that holds the token",
            file.display()
        ))
    })
}

fn checked(text: &str, place: &str) -> Result<Token, Exit> {
    let text = text.trim_end_matches(['\r', '\n']);
    let is_header_text = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.len() < TOKEN_BYTES_MIN || !is_header_text {
        return Err(refused(format!(
            "the token in {place} must be at least {TOKEN_BYTES_MIN} letters, digits and signs, without spaces\n  mend: write a new one, as by `openssl rand -hex 32`"
        )));
    }
    Ok(Token::new(text))
}

fn refused(what: impl Into<String>) -> Exit {
    Exit::new(2, what)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn access(arguments: &[&str]) -> Result<Access, Exit> {
        let arguments = ["arena-gateway"].iter().chain(arguments);
        Access::of(&Args::try_parse_from(arguments).unwrap())
    }

    fn token_file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn what_others_can_reach_wants_a_token_or_changes_nothing() {
        assert!(access(&[]).unwrap().token.is_none());
        assert!(access(&["--listen", "[::1]:4280"]).is_ok());
        let open = access(&["--listen", "0.0.0.0:4280"]).unwrap_err();
        assert_eq!(open.code, 2);
        assert!(open.message.contains("mend: give it a token"), "{open}");
        assert!(access(&["--listen", "0.0.0.0:4280", "--read-only"]).is_ok());
        let file = token_file("0123456789abcdef\n");
        let file = file.path().to_str().unwrap();
        let access = access(&["--listen", "0.0.0.0:4280", "--token-file", file]).unwrap();
        let token = access.token.unwrap();
        assert!(token.is("0123456789abcdef"));
        assert!(!token.is("0123456789abcdeg") && !token.is("") && !token.is("0123456789abcdef\n"));
        assert_eq!(format!("{token:?}"), "Token");
    }

    #[test]
    fn a_name_that_a_proxy_passes_on_opens_it_as_an_address_does() {
        let open = access(&["--allow-host", "localhost,arena.example:443"]).unwrap_err();
        assert_eq!(open.code, 2);
        assert!(
            open.message.starts_with("--allow-host arena.example:443: "),
            "{open}"
        );
        assert!(access(&["--allow-host", "arena.example", "--read-only"]).is_ok());
        let file = token_file("0123456789abcdef\n");
        let file = file.path().to_str().unwrap();
        assert!(access(&["--allow-host", "arena.example", "--token-file", file]).is_ok());
        for name in ["LocalHost:81", "127.0.0.2", "[::1]:81"] {
            assert!(access(&["--allow-host", name]).is_ok(), "{name}");
        }
        for name in ["localhost.example", "127.0.0.1.example", "192.168.1.5", ""] {
            assert!(access(&["--allow-host", name]).is_err(), "{name}");
        }
    }

    #[test]
    fn a_token_that_is_none_is_refused_without_showing_it() {
        for text in ["", "short", "0123456789 abcdef", "0123456789abcdéf"] {
            let file = token_file(text);
            let refused = access(&["--token-file", file.path().to_str().unwrap()]).unwrap_err();
            assert_eq!(refused.code, 2);
            assert!(
                text.is_empty() || !refused.message.contains(text),
                "{refused}"
            );
        }
        assert!(access(&["--token-file", "/nowhere"]).is_err());
    }
}
