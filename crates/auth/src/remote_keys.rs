//! A key set at an https address: when it is fetched, by whom, and how long the last good one lasts.
//!
//! Only the background fetches ([`KeyRefresher`](crate::KeyRefresher)), so no request ever drives the network. A
//! request whose token names an unknown key asks the background, and may wait for what comes of it.

use std::time::Duration;

use billfold_domain::UtcTimestamp;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Notify, watch};

use crate::{
    KEY_SET_FETCH_INTERVAL, KEY_SET_OUTAGE_LIMIT, KeySetError, KeySetUrl, UNKNOWN_KEY_REFRESH_INTERVAL,
    fetch::Fetcher,
    keys_in_force::{KeysInForce, within},
};

/// How often the background looks whether a fetch is due. Nothing is asked of anyone by looking.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a caller waits for a fetch that may bring their key: enough for an issuer that is well.
const WAIT_FOR_FETCH: Duration = Duration::from_secs(2);

/// A key set's address, and what became of fetching it.
pub(crate) struct RemoteKeys {
    url: KeySetUrl,
    fetcher: Fetcher,
    /// Who holds it is the only one who fetches.
    flight: AsyncMutex<()>,
    state: Mutex<RemoteState>,
    /// Wakes the background.
    wanted: Notify,
    /// How many fetches have ended. Changed only under the lock of the state.
    ended: watch::Sender<u64>,
}

struct RemoteState {
    /// The text of the set in force.
    text: Vec<u8>,
    /// When the last fetch began, whatever became of it.
    tried_at: UtcTimestamp,
    /// When the last good fetch began.
    good_at: UtcTimestamp,
    /// When a token's unknown key was last allowed to ask for a fetch.
    asked_at: Option<UtcTimestamp>,
    /// Whether someone has asked, and no fetch that began later has ended.
    asked: bool,
    fetches: u64,
    problem: Option<KeySetError>,
    /// Whether it was said that the last good set has become too old.
    outage_told: bool,
}

/// The end of a fetch, still to come.
pub(crate) struct Landing(watch::Receiver<u64>);

impl Landing {
    /// Waits for the end of the fetch, for a moment at most.
    pub(crate) async fn wait(mut self) {
        // Whether it ended, and how, is seen by looking at the keys again.
        let _ = tokio::time::timeout(WAIT_FOR_FETCH, self.0.changed()).await;
    }
}

impl RemoteKeys {
    /// Fetches the set for the first time, and gives its text too.
    pub(crate) async fn fetch_first(
        url: KeySetUrl,
        fetcher: Fetcher,
        now: UtcTimestamp,
    ) -> Result<(Self, Vec<u8>), KeySetError> {
        let text = fetcher.fetch(&url).await?;
        let state = RemoteState {
            text: text.clone(),
            tried_at: now,
            good_at: now,
            asked_at: None,
            asked: false,
            fetches: 1,
            problem: None,
            outage_told: false,
        };
        let remote = Self {
            url,
            fetcher,
            flight: AsyncMutex::new(()),
            state: Mutex::new(state),
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
        };
        Ok((remote, text))
    }

    /// How often the address was asked.
    pub(crate) fn fetches(&self) -> u64 {
        self.state.lock().fetches
    }

    /// Why the last fetch brought nothing, if so.
    pub(crate) fn problem(&self) -> Option<KeySetError> {
        self.state.lock().problem.clone()
    }

    /// Asks for a fetch because a token names a key that is not in force, unless that happened a moment ago: anyone
    /// can send such tokens, as many as he likes. What is given ends when a fetch that began after the asking does;
    /// nothing, when none is to come.
    pub(crate) fn ask(&self, now: UtcTimestamp) -> Option<Landing> {
        let mut state = self.state.lock();
        if !state.asked {
            if state
                .asked_at
                .is_some_and(|asked_at| within(now, asked_at, UNKNOWN_KEY_REFRESH_INTERVAL))
            {
                return None;
            }
            state.asked_at = Some(now);
            state.asked = true;
            self.wanted.notify_one();
        }
        Some(Landing(self.ended.subscribe()))
    }

    /// Returns when someone asks for a fetch, and after a second in any case.
    pub(crate) async fn wanted(&self) {
        let _ = tokio::time::timeout(LOOK_INTERVAL, self.wanted.notified()).await;
    }

    /// Fetches the set when it is time to or someone has asked.
    pub(crate) async fn refresh(&self, keys: &KeysInForce, now: UtcTimestamp) {
        let _flight = self.flight.lock().await;
        let asked = {
            let mut state = self.state.lock();
            if !state.asked && within(now, state.tried_at, KEY_SET_FETCH_INTERVAL) {
                return;
            }
            state.tried_at = now;
            state.fetches += 1;
            state.asked
        };
        let fetched = self.fetcher.fetch(&self.url).await;
        let mut state = self.state.lock();
        let outcome = fetched.and_then(|text| {
            if text != state.text {
                keys.replace(&text)?;
                state.text = text;
            }
            Ok(())
        });
        match outcome {
            Ok(()) => self.confirm(&mut state, keys, now),
            Err(problem) => self.complain(&mut state, keys, now, problem),
        }
        // Whoever asked after this fetch had begun waits for the next.
        if asked {
            state.asked = false;
        }
        self.ended.send_modify(|ended| *ended += 1);
    }

    fn confirm(&self, state: &mut RemoteState, keys: &KeysInForce, now: UtcTimestamp) {
        state.good_at = now;
        state.outage_told = false;
        keys.keep_until(now.plus(KEY_SET_OUTAGE_LIMIT));
        if state.problem.take().is_some() {
            tracing::info!(issuer = %keys.issuer(), url = %self.url, "the issuer's key set is fetched again");
        }
    }

    fn complain(&self, state: &mut RemoteState, keys: &KeysInForce, now: UtcTimestamp, problem: KeySetError) {
        // Said once for each new problem, not three times a minute.
        if state.problem.as_ref() != Some(&problem) {
            tracing::warn!(issuer = %keys.issuer(), url = %self.url, %problem, "the issuer's key set cannot be fetched: the last good one stays in force for a day");
        }
        if !keys.are_good_at(now) && !state.outage_told {
            state.outage_told = true;
            tracing::error!(issuer = %keys.issuer(), url = %self.url, %problem, last_good = state.good_at.seconds(), "the issuer's key set could not be fetched for a day: its tokens are refused until it can");
        }
        state.problem = Some(problem);
    }
}
