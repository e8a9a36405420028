//! A page that listens: the event stream over a real socket, as a browser reads it.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

/// Far more than anything takes on a busy machine: only what never comes reaches it.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// An event as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub id: Option<String>,
    pub name: String,
    pub data: Value,
}

impl Told {
    /// Its number.
    pub fn seq(&self) -> u64 {
        let id = self.id.as_deref().expect("an id");
        id.rsplit_once('-').unwrap().1.parse().unwrap()
    }
}

/// An open stream. Closed with the value, at the next event.
#[derive(Debug)]
pub struct Page {
    events: Receiver<Told>,
}

impl Page {
    /// Opens it; `query` without a question mark.
    pub fn open(port: u16, query: &str, last_event_id: Option<&str>) -> Self {
        let url = format!("http://127.0.0.1:{port}/api/v1/events?{query}");
        let mut request = ureq::get(&url).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.call().unwrap();
        assert_eq!(
            response.headers()["content-type"],
            "text/event-stream",
            "what an EventSource takes"
        );
        let (sender, events) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(response.into_body().into_reader()).lines();
            let (mut id, mut name) = (None, String::new());
            for line in lines.map_while(Result::ok) {
                if let Some(value) = line.strip_prefix("id: ") {
                    id = Some(value.to_owned());
                } else if let Some(value) = line.strip_prefix("event: ") {
                    value.clone_into(&mut name);
                } else if let Some(value) = line.strip_prefix("data: ") {
                    let data = serde_json::from_str(value).unwrap();
                    let told = Told {
                        id: id.take(),
                        name: std::mem::take(&mut name),
                        data,
                    };
                    if sender.send(told).is_err() {
                        return;
                    }
                }
            }
        });
        Self { events }
    }

    /// The next event; `None` when the stream has ended.
    pub fn next(&self) -> Option<Told> {
        match self.events.recv_timeout(WAIT_MAX) {
            Ok(told) => Some(told),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing comes"),
        }
    }

    /// Reads what is left of a stream that ends.
    pub fn until_the_end(&self) -> Vec<Told> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Reads until an event fits; gives all of them.
    pub fn until(&self, what: &str, fits: impl Fn(&Told) -> bool) -> Vec<Told> {
        let mut read = Vec::new();
        loop {
            let Some(told) = self.next() else {
                panic!("the stream ended before {what}: {read:#?}");
            };
            read.push(told);
            if read.last().is_some_and(&fits) {
                return read;
            }
        }
    }
}
