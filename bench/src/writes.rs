//! The requests that write: saving and deleting payment methods, and taking Stripe's webhooks in.
//!
//! Saving and deleting call Stripe. What is Billfold's own of the time is the time from when a request was to begin to its
//! answer, less the time in which at least one of the calls that it caused was under way. A proxy before the stand-in for
//! Stripe notes those, so the way to it and back is counted as Billfold's.

mod commits;
mod figures;
mod overhead;
mod profile;
mod stage;
mod webhooks;

use std::{sync::Arc, time::Duration};

pub(crate) use self::{
    figures::{ActionFigures, WriteFigures},
    profile::Share,
};
use self::{
    overhead::{Charged, charge},
    stage::{Acting, Action, Item, Stage},
};
use crate::{
    BenchError,
    generator::{self, Pace, Plan},
    machine,
    measure::{Bench, round_length},
    reads::SHARE,
    tell,
};

/// How many requests are under way at once while rates are taken.
pub(crate) const CONNECTIONS: u32 = 16;

/// How many can be while times are taken: more than ever are unless the server stands still.
const PACED_CONNECTIONS: u32 = 64;

/// How many payment methods are made for a second of saving: if they are used up, the measurement ends earlier.
const CARDS_A_SECOND: usize = 2_000;

/// How many saved payment methods stay, for webhooks to tell of, or a quarter of those that were saved.
const KEPT: usize = 200;

/// Measures every write on PostgreSQL and on SQLite, turn by turn.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Vec<WriteFigures>, BenchError> {
    profile::begin(bench).await?;
    let mut stages = [Stage::on_postgres(bench).await?, Stage::on_sqlite(bench).await?];
    let mut figures: Vec<WriteFigures> = stages.iter().map(|stage| WriteFigures::new(stage.name)).collect();
    // The first round warms up and is not counted.
    for round in 0..=bench.options.rounds {
        let time = round_length(bench.options, round);
        tell(&format!("writes, round {round} of {}…", bench.options.rounds));
        for (stage, figures) in stages.iter_mut().zip(&mut figures) {
            let mut measured = WriteFigures::new(stage.name);
            if stage.is_postgres() {
                measured.commits.push(commits::time(bench).await?);
            }
            stage.round(bench, time, &mut measured).await?;
            webhooks::measure(bench, stage, time, &mut measured.webhooks).await?;
            if round > 0 {
                figures.append(measured);
            }
        }
    }
    Ok(figures)
}

impl Stage {
    /// Saves cards of new users, more cards of the same users, and deletes what was saved.
    async fn round(
        &mut self,
        bench: &Bench<'_>,
        time: Duration,
        measured: &mut WriteFigures,
    ) -> Result<(), BenchError> {
        let seconds = usize::try_from(time.as_secs()).unwrap_or(1);
        let items = self.new_users(bench, seconds * CARDS_A_SECOND).await?;
        let first = self
            .act(bench, Action::Create, items, time, &mut measured.first)
            .await?;
        let users = first.iter().map(|item| item.user.clone()).collect();
        let items = self.more_cards(bench, users).await?;
        let more = self
            .act(bench, Action::Create, items, time, &mut measured.next)
            .await?;
        let mut saved = [first, more].concat();
        if self.kept.is_empty() {
            let kept = saved.split_off(saved.len() - KEPT.min(saved.len() / 4));
            self.kept.extend(kept.into_iter().map(|item| item.card));
        }
        self.act(bench, Action::Delete, saved, time, &mut measured.delete)
            .await?;
        Ok(())
    }

    /// As fast as can be with half of the items at most, then at a share of that rate, then one at a time. Gives those that
    /// were done.
    async fn act(
        &self,
        bench: &Bench<'_>,
        action: Action,
        mut items: Vec<Item>,
        time: Duration,
        measured: &mut ActionFigures,
    ) -> Result<Vec<Item>, BenchError> {
        let mut left = items.split_off(items.len() / 2);
        let alone = left.split_off(left.len() * 2 / 3);
        let plan = Plan {
            port: self.instance.port,
            connections: CONNECTIONS,
            pace: Pace::Unpaced,
            time,
        };
        let acting = |items| Arc::new(Acting::new(action, &self.token, items));
        let fast = acting(items);
        let (server, database) = (
            machine::own_cpu_microseconds(self.process())?,
            self.database_cpu(bench)?,
        );
        let outcome = generator::run(plan, Arc::clone(&fast) as _).await?;
        let number = u32::try_from(outcome.answers.len()).unwrap_or(u32::MAX);
        let each =
            |from: u64, to: u64| f64::from(u32::try_from(to - from).unwrap_or(u32::MAX)) / f64::from(number);
        measured
            .server_cpu
            .push(each(server, machine::own_cpu_microseconds(self.process())?));
        measured
            .database_cpu
            .push(each(database, self.database_cpu(bench)?));
        measured.rate.push(outcome.rate());
        let at_share = Plan {
            connections: PACED_CONNECTIONS,
            pace: Pace::ASecond(outcome.rate() * SHARE),
            ..plan
        };
        let mut done = fast.done(&outcome);
        drop(bench.stripe.take_calls());
        let paced = acting(left);
        let before = commits::written(bench).await?;
        profile::reset(bench).await?;
        let outcome = generator::run(at_share, Arc::clone(&paced) as _).await?;
        if self.is_postgres() {
            let written = u32::try_from(commits::written(bench).await? - before)?;
            let number = u32::try_from(outcome.answers.len())?;
            measured.commits.push(f64::from(written) / f64::from(number));
            measured.profile = profile::take(bench, number).await?;
        }
        let charged = charge(&outcome, &paced.items, &bench.stripe.take_calls());
        measured.add(&charged);
        done.append(&mut paced.done(&outcome));
        let one_by_one = Plan {
            connections: 1,
            ..plan
        };
        let alone = acting(alone);
        let outcome = generator::run(one_by_one, Arc::clone(&alone) as _).await?;
        let charged = charge(&outcome, &alone.items, &bench.stripe.take_calls());
        measured.alone.push(charged.iter().map(Charged::own).collect());
        done.append(&mut alone.done(&outcome));
        Ok(done)
    }
}
