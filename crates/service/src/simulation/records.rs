//! The database's records, simulated: each call whole or not at all, its answer now and then lost.

use std::{collections::BTreeMap, time::Duration};

use billfold_domain::{
    CustomerId, PaymentMethod, PaymentMethodId, PaymentMethodStatus, ProjectScope, SetupIntentId, UserId,
    UtcTimestamp,
};
use billfold_store::{
    Alongside, BeginCreate, BeginDelete, Claim, Deletable, NewOperation, Operation, OperationKind,
    StoreError, Subject,
};

use super::{
    history::{Event, What},
    planted::Bug,
    world::{SimulatedWorld, State},
};
use crate::world::{Recorded, Records};

/// As long as the real lease.
const LEASE: time::Duration = time::Duration::seconds(8);

pub(super) struct Held {
    pub(super) operation: Operation,
    lease_expires_at: UtcTimestamp,
    next_attempt_at: UtcTimestamp,
}

pub(super) struct MethodRow {
    pub(super) payment_method: PaymentMethod,
    pub(super) deleted: bool,
    /// The operation that saved it or began to delete it.
    operation: String,
}

#[derive(Default)]
pub(super) struct RecordsState {
    pub(super) customers: BTreeMap<UserId, CustomerId>,
    pub(super) methods: BTreeMap<PaymentMethodId, MethodRow>,
    pub(super) operations: BTreeMap<String, Held>,
    /// What each operation has made.
    pub(super) setup_intents: BTreeMap<String, SetupIntentId>,
}

impl SimulatedWorld {
    /// One transaction: it may fail before anything is done, or after all is done.
    async fn record<T>(&self, what: impl FnOnce(&mut State) -> Recorded<T> + Send) -> Recorded<T> {
        self.happen(|state| {
            if state.fault("database down", 2) {
                return Err(StoreError::Unavailable("simulated".to_owned()));
            }
            let result = what(state)?;
            if state.fault("commit's answer lost", 2) {
                return Err(StoreError::Unavailable("simulated, after the commit".to_owned()));
            }
            Ok(result)
        })
        .await
    }
}

/// What only one open operation may have: its subject.
fn index_key(state: &State, id: &str, subject: &Subject) -> String {
    if state.has(Bug::NoUniqueIndex) {
        return id.to_owned();
    }
    format!("{subject:?}")
}

fn record(state: &mut State, operation: &str, id: &PaymentMethodId, what: What) {
    let step = state.step;
    state.history.push(Event {
        step,
        operation: operation.to_owned(),
        id: id.clone(),
        what,
    });
}

fn claim(state: &mut State, new: &NewOperation) -> Option<Operation> {
    let now = state.now;
    let lease_expires_at = now.plus(LEASE);
    let key = index_key(state, &new.id, &new.subject);
    let held = state.records.operations.entry(key).or_insert_with(|| Held {
        operation: Operation {
            id: new.id.clone(),
            kind: new.kind,
            subject: new.subject.clone(),
            user: new.user.clone(),
            epoch: 0,
            fence: 0,
            attempts: 0,
            step: None,
            created_at: now,
        },
        lease_expires_at: now.plus(-LEASE),
        next_attempt_at: now,
    });
    take(held, now, lease_expires_at)
}

fn take(held: &mut Held, now: UtcTimestamp, until: UtcTimestamp) -> Option<Operation> {
    if held.lease_expires_at >= now {
        return None;
    }
    held.operation.fence += 1;
    held.lease_expires_at = until;
    held.next_attempt_at = until;
    Some(held.operation.clone())
}

fn end(state: &mut State, operation: &Operation) -> Recorded<()> {
    let key = index_key(state, &operation.id, &operation.subject);
    let holds = |held: &Held| held.operation.id == operation.id && held.operation.fence == operation.fence;
    if !state.has(Bug::NoFence) && !state.records.operations.get(&key).is_some_and(holds) {
        return Err(StoreError::Fenced);
    }
    state.records.operations.remove(&key);
    if let (OperationKind::DeletePaymentMethod, Subject::PaymentMethod(id)) =
        (operation.kind, &operation.subject)
    {
        record(state, &operation.id, id, What::Deleted);
    }
    Ok(())
}

fn held_mut<'a>(state: &'a mut State, operation: &Operation) -> Option<&'a mut Held> {
    let key = index_key(state, &operation.id, &operation.subject);
    let held = state.records.operations.get_mut(&key)?;
    (held.operation.id == operation.id && held.operation.fence == operation.fence).then_some(held)
}

impl Records for SimulatedWorld {
    async fn find_customer(&self, _: &ProjectScope, user: &UserId) -> Recorded<Option<CustomerId>> {
        self.record(|state| Ok(state.records.customers.get(user).cloned()))
            .await
    }

    async fn forget_customer(&self, _: &ProjectScope, user: &UserId, gone: &CustomerId) -> Recorded<()> {
        self.record(|state| {
            if state.records.customers.get(user) == Some(gone) {
                state.records.customers.remove(user);
            }
            Ok(())
        })
        .await
    }

    async fn find_deleted(&self, _: &ProjectScope, id: &PaymentMethodId) -> Recorded<Option<PaymentMethod>> {
        self.record(|state| {
            let row = state.records.methods.get(id).filter(|row| row.deleted);
            Ok(row.map(|row| row.payment_method.clone()))
        })
        .await
    }

    async fn confirm(&self, _: &ProjectScope, id: &PaymentMethodId, on: &SetupIntentId) -> Recorded<bool> {
        self.record(|state| {
            if let Some(row) = waiting(state, id, on) {
                row.payment_method.status = PaymentMethodStatus::Available;
            }
            let row = state.records.methods.get(id);
            Ok(row.is_some_and(|row| {
                !row.deleted && row.payment_method.status == PaymentMethodStatus::Available
            }))
        })
        .await
    }

    async fn give_up(&self, _: &ProjectScope, id: &PaymentMethodId, on: &SetupIntentId) -> Recorded<()> {
        self.record(|state| {
            if let Some(row) = waiting(state, id, on) {
                row.deleted = true;
                record(state, "", id, What::Hidden);
            }
            Ok(())
        })
        .await
    }

    async fn find_setup_intent(&self, _: &ProjectScope, operation: &str) -> Recorded<Option<SetupIntentId>> {
        self.record(|state| Ok(state.records.setup_intents.get(operation).cloned()))
            .await
    }

    async fn begin(&self, _: &ProjectScope, new: &NewOperation) -> Recorded<Claim> {
        self.record(|state| Ok(claim(state, new).map_or(Claim::Busy, Claim::Held)))
            .await
    }

    async fn begin_create(
        &self,
        _: &ProjectScope,
        new: &NewOperation,
        id: &PaymentMethodId,
        maximum: i64,
        _: &Alongside,
    ) -> Recorded<BeginCreate> {
        self.record(|state| {
            match state.records.methods.get(id).filter(|row| !row.deleted) {
                Some(row) if row.operation == new.id => {
                    return Ok(BeginCreate::Done(row.payment_method.clone()));
                }
                Some(row) if row.payment_method.user == new.user => {
                    return Ok(BeginCreate::Saved(row.payment_method.clone()));
                }
                Some(_) => return Ok(BeginCreate::OwnedByAnother),
                None => {}
            }
            let shown = |row: &&MethodRow| !row.deleted && row.payment_method.user == new.user;
            let saved = state.records.methods.values().filter(shown).count();
            if i64::try_from(saved).unwrap() >= maximum {
                return Ok(BeginCreate::LimitReached);
            }
            Ok(claim(state, new).map_or(BeginCreate::Busy, BeginCreate::Held))
        })
        .await
    }

    async fn begin_delete(
        &self,
        _: &ProjectScope,
        operation: String,
        id: &PaymentMethodId,
        deletable: Deletable<'_>,
        _: &Alongside,
    ) -> Recorded<BeginDelete> {
        self.record(|state| {
            let Some(row) = state.records.methods.get(id) else {
                return Ok(BeginDelete::NotFound);
            };
            if !deletable.is(&row.payment_method) {
                return Ok(BeginDelete::NotFound);
            }
            let payment_method = row.payment_method.clone();
            let subject = Subject::PaymentMethod(id.clone());
            let is_deletion = |held: &Held| {
                held.operation.subject == subject && held.operation.kind == OperationKind::DeletePaymentMethod
            };
            let joinable = state.records.operations.values().any(is_deletion);
            if row.deleted && !joinable {
                return Ok(if row.operation == operation {
                    BeginDelete::Done(payment_method)
                } else {
                    BeginDelete::NotFound
                });
            }
            let kind = OperationKind::DeletePaymentMethod;
            let new = NewOperation {
                id: operation,
                kind,
                subject,
                user: payment_method.user.clone(),
            };
            let Some(held) = claim(state, &new) else {
                return Ok(BeginDelete::Busy);
            };
            if held.kind == kind {
                let still_shown = state.has(Bug::DeletedIsShown);
                let row = state.records.methods.get_mut(id).unwrap();
                row.deleted = !still_shown;
                row.operation.clone_from(&held.id);
                record(state, &held.id, id, What::Hidden);
            }
            Ok(BeginDelete::Held(held, payment_method))
        })
        .await
    }

    async fn claim_due(&self, _: &ProjectScope) -> Recorded<Option<Operation>> {
        self.record(|state| {
            let now = state.now;
            let due = |held: &&mut Held| held.next_attempt_at <= now && held.lease_expires_at < now;
            let held = state
                .records
                .operations
                .values_mut()
                .filter(due)
                .min_by_key(|held| held.next_attempt_at);
            Ok(held.and_then(|held| take(held, now, now.plus(LEASE))))
        })
        .await
    }

    async fn end(&self, _: &ProjectScope, operation: &Operation) -> Recorded<()> {
        self.record(|state| end(state, operation)).await
    }

    async fn finish_delete(&self, _: &ProjectScope, operation: &Operation, _: &Alongside) -> Recorded<()> {
        self.record(|state| end(state, operation)).await
    }

    async fn release(&self, _: &ProjectScope, operation: &Operation, retry_in: Duration) -> Recorded<()> {
        self.record(|state| {
            let now = state.now;
            if let Some(held) = held_mut(state, operation) {
                held.operation.attempts += 1;
                held.operation.step.clone_from(&operation.step);
                held.lease_expires_at = now.plus(time::Duration::seconds(-1));
                held.next_attempt_at = now.plus(retry_in.try_into().unwrap());
            }
            Ok(())
        })
        .await
    }

    async fn extend_lease(&self, _: &ProjectScope, operation: &Operation) -> Recorded<()> {
        self.record(|state| {
            let until = state.now.plus(LEASE);
            held_mut(state, operation)
                .ok_or(StoreError::Fenced)?
                .lease_expires_at = until;
            Ok(())
        })
        .await
    }

    async fn raise_epoch(&self, _: &ProjectScope, operation: Operation) -> Recorded<Operation> {
        self.record(|state| {
            let now = state.now;
            let held = held_mut(state, &operation).ok_or(StoreError::Fenced)?;
            held.operation.epoch += 1;
            held.lease_expires_at = now.plus(LEASE);
            Ok(held.operation.clone())
        })
        .await
    }

    async fn finish_payment_method(
        &self,
        _: &ProjectScope,
        operation: &Operation,
        payment_method: &PaymentMethod,
        _: &Alongside,
    ) -> Recorded<()> {
        self.record(|state| {
            end(state, operation)?;
            let row = MethodRow {
                payment_method: payment_method.clone(),
                deleted: false,
                operation: operation.id.clone(),
            };
            state.records.methods.insert(payment_method.id.clone(), row);
            record(state, &operation.id, &payment_method.id, What::Saved);
            Ok(())
        })
        .await
    }

    async fn finish_customer(
        &self,
        _: &ProjectScope,
        operation: &Operation,
        customer: &CustomerId,
    ) -> Recorded<()> {
        self.record(|state| {
            end(state, operation)?;
            let earlier = state
                .records
                .customers
                .insert(operation.user.clone(), customer.clone());
            if earlier.is_some() {
                let broken = format!("a second customer was recorded for {}", operation.user);
                state.broken.push(broken);
            }
            Ok(())
        })
        .await
    }

    async fn finish_setup_intent(
        &self,
        _: &ProjectScope,
        operation: &Operation,
        id: &SetupIntentId,
        _: UtcTimestamp,
    ) -> Recorded<()> {
        self.record(|state| {
            end(state, operation)?;
            state
                .records
                .setup_intents
                .insert(operation.id.clone(), id.clone());
            Ok(())
        })
        .await
    }
}

fn waiting<'a>(state: &'a mut State, id: &PaymentMethodId, on: &SetupIntentId) -> Option<&'a mut MethodRow> {
    let row = state.records.methods.get_mut(id)?;
    let waits = matches!(
        &row.payment_method.status,
        PaymentMethodStatus::RequiresConfirmation { setup_intent } if setup_intent == on
    );
    (!row.deleted && waits).then_some(row)
}
