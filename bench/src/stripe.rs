//! Stripe's stand-in, the sandbox of the binary, and a look at the calls that are made to it.

mod proxy;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use billfold_test_support::Process;
use serde_json::Value;

pub(crate) use self::proxy::Call;
use self::proxy::Proxy;
use crate::{
    BenchError,
    generator::{self, Pace, Plan, Requests},
    program::Program,
};

/// How many cards are made at once.
const CONNECTIONS: u32 = 8;

/// The longest time that the making of cards may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running sandbox, and the proxy between it and those who call it.
pub(crate) struct Stripe {
    port: u16,
    proxy: Proxy,
    _process: Process,
}

impl Stripe {
    /// Starts both.
    pub(crate) async fn start(program: &Program) -> Result<Self, BenchError> {
        let (process, port) = program.sandbox().await?;
        Ok(Self {
            port,
            proxy: Proxy::start(port).await?,
            _process: process,
        })
    }

    /// Where calls are seen.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.proxy.port)
    }

    /// The calls since it was asked last.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        self.proxy.take_calls()
    }

    /// Makes payment methods as a page of Stripe's does, attached to nobody, and gives their ids.
    pub(crate) async fn make_cards(&self, key: &str, number: usize) -> Result<Vec<String>, BenchError> {
        let body = "type=card&card%5Btoken%5D=tok_visa";
        let making = Arc::new(Making {
            request: format!(
                "POST /v1/payment_methods HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            number,
            made: Mutex::default(),
        });
        let plan = Plan {
            port: self.port,
            connections: CONNECTIONS,
            pace: Pace::Unpaced,
            time: PATIENCE,
        };
        generator::run(plan, Arc::clone(&making) as Arc<dyn Requests>).await?;
        let made = std::mem::take(&mut *making.made.lock().unwrap_or_else(PoisonError::into_inner));
        if made.len() == number {
            return Ok(made);
        }
        Err("the sandbox did not make every card".into())
    }
}

struct Making {
    request: String,
    number: usize,
    made: Mutex<Vec<String>>,
}

impl Requests for Making {
    fn write(&self, number: usize, bytes: &mut Vec<u8>) -> bool {
        bytes.extend_from_slice(self.request.as_bytes());
        number < self.number
    }

    fn status(&self) -> u16 {
        200
    }

    fn answered(&self, _number: usize, body: &[u8]) {
        let made: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(id) = made["id"].as_str() {
            let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(id.to_owned());
        }
    }
}
