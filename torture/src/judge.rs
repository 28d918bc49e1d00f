//! The judge: compares what clients were told, what the database holds and what was really done at Stripe.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::Duration,
};

use crate::history::{Asked, Card, Face, Told, Wish};

/// What must hold, whatever is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// Every acknowledged create is readable, unless a deletion was asked for afterwards.
    CreateLost,
    /// Every acknowledged deletion stays, and its method is detached.
    DeletionUndone,
    /// An operation has one effect at Stripe at most.
    TwoEffects,
    /// Nothing is attached, and no check waits, at Stripe without a row.
    Orphan,
    /// What is shown as available is attached.
    ShownButNotAttached,
    /// Every operation ends within a minute of both sides being up, and whoever asked hears how.
    NotEnded,
    /// A user has one live customer at most.
    TwoCustomers,
    /// A good card is saved, a bad one is not.
    WronglyRefusedOrSaved,
    /// The list, the objects and the tables say the same.
    Disagreement,
    /// A client hears only what is documented.
    WrongAnswer,
    /// One idempotency key has one definite answer.
    TwoBodies,
    /// What changed at Stripe is seen here.
    BehindStripe,
    /// Every event that was believed is kept, and no forgery is.
    EventLostOrForged,
    /// The background keeps to its share of Stripe's limit.
    TooManyCalls,
    /// The first good answer comes within five seconds of the database accepting connections.
    SlowToRecover,
    /// A tenant whose Stripe hangs costs the others nothing.
    OthersPay,
    /// Whatever is sent, no answer is a fault of the server's, and it lives on.
    ServerFault,
    /// What is refused changes nothing.
    HostileEffect,
    /// What is refused costs little memory.
    MemoryGrew,
    /// An instance and whoever stands before it see the same requests, and each answer goes to who asked.
    Desynchronised,
    /// A slow connection is ended at its limit.
    AttackerHeld,
    /// Who behaves is answered, whatever others do.
    GoodTrafficHurt,
    /// A secret is where it does not belong.
    Leak,
    /// The metrics say what clients and Stripe counted.
    MetricsDisagree,
    /// What was to be tried was tried, and what was to be searched was searched.
    NothingTried,
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    /// What exactly, with ids.
    pub(crate) what: String,
}

impl Violation {
    pub(crate) fn new(invariant: Invariant, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { invariant, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.invariant, self.what)
    }
}

/// A payment method that is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) project: String,
    pub(crate) id: String,
    pub(crate) user: String,
    /// `available`, or else it waits for its owner.
    pub(crate) available: bool,
}

/// A Stripe customer that is not deleted.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    /// The project whose account it is in.
    pub(crate) project: String,
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) operation: String,
}

/// A payment method at Stripe.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    pub(crate) project: String,
    pub(crate) id: String,
    pub(crate) customer: Option<String>,
}

/// A setup intent at Stripe.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    pub(crate) project: String,
    pub(crate) id: String,
    pub(crate) operation: String,
    pub(crate) method: Option<String>,
    pub(crate) status: String,
}

/// An entry of the sandbox's ledger.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) project: String,
    pub(crate) key: Option<String>,
    pub(crate) request: String,
    pub(crate) object: String,
    /// What happened to the object, such as `payment_method.attached`.
    pub(crate) kind: String,
}

/// The three truths of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// What clients were told.
    pub(crate) asked: Vec<Asked>,
    /// What the list shows.
    pub(crate) rows: Vec<Row>,
    /// What the tables hold, where they can be read.
    pub(crate) table: Option<Vec<Row>>,
    /// Operations that are open after all the time they had.
    pub(crate) open_operations: Vec<String>,
    pub(crate) customers: Vec<Customer>,
    pub(crate) methods: Vec<Method>,
    pub(crate) intents: Vec<Intent>,
    pub(crate) effects: Vec<Effect>,
    /// What clients heard that they never should.
    pub(crate) wrong_answers: Vec<String>,
}

/// The longest that operations may take to end once both sides are up.
pub(crate) const END_LIMIT: Duration = Duration::from_mins(1);

/// The longest that an instance may take to answer well once the database accepts connections.
pub(crate) const RECOVERY_LIMIT: Duration = Duration::from_secs(5);

/// Everything that does not hold.
pub(crate) fn judge(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    wishes(evidence, &mut found);
    effects(evidence, &mut found);
    attachments(evidence, &mut found);
    customers(evidence, &mut found);
    tables(evidence, &mut found);
    let open = evidence.open_operations.iter();
    found.extend(open.map(|open| Violation::new(Invariant::NotEnded, open)));
    let wrong = evidence.wrong_answers.iter();
    found.extend(wrong.map(|wrong| Violation::new(Invariant::WrongAnswer, wrong)));
    found
}

/// What is stored and was not believed, and what was believed and is not stored: events, by project and identifier.
pub(crate) fn events(
    believed: &BTreeSet<(String, String)>,
    stored: Option<&BTreeSet<(String, String)>>,
) -> Vec<Violation> {
    let Some(stored) = stored else { return Vec::new() };
    let forged = stored
        .difference(believed)
        .map(|event| ("forged and stored", event));
    let lost = believed
        .difference(stored)
        .map(|event| ("good and not stored", event));
    let wrong = forged.chain(lost).map(|(what, (project, event))| {
        Violation::new(
            Invariant::EventLostOrForged,
            format!("{event} of {project} is {what}"),
        )
    });
    wrong.collect()
}

/// What clients were told still stands.
fn wishes(evidence: &Evidence, found: &mut Vec<Violation>) {
    let rows: HashMap<(&str, &str), &Row> = evidence
        .rows
        .iter()
        .map(|row| ((row.project.as_str(), row.id.as_str()), row))
        .collect();
    let attached: HashMap<(&str, &str), &str> = evidence
        .methods
        .iter()
        .filter_map(|method| {
            Some((
                (method.project.as_str(), method.id.as_str()),
                method.customer.as_deref()?,
            ))
        })
        .collect();
    let mut of_method: BTreeMap<(&str, &str), Vec<&Asked>> = BTreeMap::new();
    for asked in &evidence.asked {
        let name = (asked.project.as_str(), asked.method.as_str());
        of_method.entry(name).or_default().push(asked);
    }
    for ((project, method), wishes) in of_method {
        let name = format!("{method} of {project}");
        let row = rows.get(&(project, method));
        for asked in &wishes {
            let user = &asked.user;
            // A later wish to the contrary, or one at the same time, may have won.
            let opposed = |wish| {
                wishes
                    .iter()
                    .any(|other| other.wish == wish && other.ended >= asked.began)
            };
            let deletion_asked = || wishes.iter().any(|other| other.wish == Wish::Delete);
            match (asked.wish, &asked.told) {
                (wish, Told::Nothing) => {
                    let what = format!("{user} was told nothing definite: {wish:?} {name}");
                    found.push(Violation::new(Invariant::NotEnded, what));
                }
                (Wish::Create, Told::Saved) if asked.card == Card::Declined => {
                    let what = format!("{name} was refused by its bank and saved all the same");
                    found.push(Violation::new(Invariant::WronglyRefusedOrSaved, what));
                }
                (Wish::Create, Told::Saved) if !opposed(Wish::Delete) => match row {
                    None => {
                        let what = format!("{name} was saved for {user}, and nobody asked to delete it");
                        found.push(Violation::new(Invariant::CreateLost, what));
                    }
                    Some(row) if row.user != *user => {
                        let what = format!("{name} was saved for {user} and is {}'s", row.user);
                        found.push(Violation::new(Invariant::CreateLost, what));
                    }
                    Some(_) => {}
                },
                (Wish::Create, Told::Refused(status, words)) => {
                    let may_wait = asked.card == Card::Challenged && asked.face == Face::Project;
                    if (asked.card == Card::Good || may_wait) && !deletion_asked() {
                        let what = format!("{name} is a good card and {user} heard {status} {words}");
                        found.push(Violation::new(Invariant::WronglyRefusedOrSaved, what));
                    }
                }
                (Wish::Delete, Told::Deleted | Told::Gone) if !opposed(Wish::Create) => {
                    if row.is_some() {
                        let what = format!("{name} was deleted and is shown again");
                        found.push(Violation::new(Invariant::DeletionUndone, what));
                    }
                    if let Some(customer) = attached.get(&(project, method)) {
                        let what = format!("{name} was deleted and is attached to {customer}");
                        found.push(Violation::new(Invariant::DeletionUndone, what));
                    }
                }
                _ => {}
            }
        }
    }
}

/// One effect an operation.
fn effects(evidence: &Evidence, found: &mut Vec<Violation>) {
    let mut of_key: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut of_object: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for effect in &evidence.effects {
        if let Some(key) = &effect.key {
            let name = (effect.project.as_str(), key.as_str());
            of_key.entry(name).or_default().insert(&effect.request);
        }
        if ["payment_method.attached", "payment_method.detached"].contains(&effect.kind.as_str()) {
            let name = (
                effect.project.as_str(),
                effect.object.as_str(),
                effect.kind.as_str(),
            );
            *of_object.entry(name).or_default() += 1;
        }
    }
    for ((project, key), requests) in of_key.iter().filter(|(_, requests)| requests.len() > 1) {
        let what = format!("the key {key} of {project} had effects in {requests:?}");
        found.push(Violation::new(Invariant::TwoEffects, what));
    }
    for ((project, object, effect), count) in of_object.iter().filter(|(_, count)| **count > 1) {
        let what = format!("{effect} happened {count} times to {object} of {project}");
        found.push(Violation::new(Invariant::TwoEffects, what));
    }
    let customers = evidence
        .customers
        .iter()
        .map(|made| ("customers", &made.project, &made.operation, &made.id));
    let intents = evidence
        .intents
        .iter()
        .map(|made| ("setup intents", &made.project, &made.operation, &made.id));
    let mut made: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for (kind, project, operation, id) in customers.chain(intents) {
        if !operation.is_empty() {
            made.entry((kind, project, operation)).or_default().push(id);
        }
    }
    for ((kind, project, operation), ids) in made.iter().filter(|(_, ids)| ids.len() > 1) {
        let what = format!("the operation {operation} of {project} made the {kind} {ids:?}");
        found.push(Violation::new(Invariant::TwoEffects, what));
    }
}

/// What is at Stripe has a row, and what is shown is at Stripe.
fn attachments(evidence: &Evidence, found: &mut Vec<Violation>) {
    let rows: HashMap<(&str, &str), &Row> = evidence
        .rows
        .iter()
        .map(|row| ((row.project.as_str(), row.id.as_str()), row))
        .collect();
    let owners: HashMap<(&str, &str), &str> = evidence
        .customers
        .iter()
        .map(|customer| {
            (
                (customer.project.as_str(), customer.id.as_str()),
                customer.user.as_str(),
            )
        })
        .collect();
    let mut attached: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for method in &evidence.methods {
        let Some(customer) = &method.customer else {
            continue;
        };
        let name = (method.project.as_str(), method.id.as_str());
        let owner = owners.get(&(method.project.as_str(), customer.as_str()));
        let owner = owner.copied().unwrap_or("nobody");
        attached.insert(name, owner);
        if rows.get(&name).is_none_or(|row| row.user != owner) {
            let what = format!(
                "{} of {} is attached to {customer} of {owner} without a row of theirs",
                method.id, method.project
            );
            found.push(Violation::new(Invariant::Orphan, what));
        }
    }
    for intent in evidence
        .intents
        .iter()
        .filter(|intent| intent.status == "requires_action")
    {
        let method = intent.method.as_deref().unwrap_or_default();
        if !rows.contains_key(&(intent.project.as_str(), method)) {
            let what = format!(
                "{} of {} waits for the owner of {method}, which has no row",
                intent.id, intent.project
            );
            found.push(Violation::new(Invariant::Orphan, what));
        }
    }
    for row in evidence.rows.iter().filter(|row| row.available) {
        if attached.get(&(row.project.as_str(), row.id.as_str())) != Some(&row.user.as_str()) {
            let what = format!(
                "{} of {} is shown as {}'s and is not attached",
                row.id, row.project, row.user
            );
            found.push(Violation::new(Invariant::ShownButNotAttached, what));
        }
    }
}

fn customers(evidence: &Evidence, found: &mut Vec<Violation>) {
    let mut of_user: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for customer in &evidence.customers {
        let name = (customer.project.as_str(), customer.user.as_str());
        of_user.entry(name).or_default().push(&customer.id);
    }
    for ((project, user), ids) in of_user.iter().filter(|(_, ids)| ids.len() > 1) {
        let what = format!("{user} of {project} has the customers {ids:?}");
        found.push(Violation::new(Invariant::TwoCustomers, what));
    }
}

/// The list and the table hold the same rows.
fn tables(evidence: &Evidence, found: &mut Vec<Violation>) {
    let Some(table) = &evidence.table else { return };
    let shown: BTreeSet<&Row> = evidence.rows.iter().collect();
    if shown.len() != evidence.rows.len() {
        let what = format!("the list shows {} items twice", evidence.rows.len() - shown.len());
        found.push(Violation::new(Invariant::Disagreement, what));
    }
    let held: BTreeSet<&Row> = table.iter().collect();
    for row in shown.symmetric_difference(&held) {
        let what = format!("only one of the list and the table has {row:?}");
        found.push(Violation::new(Invariant::Disagreement, what));
    }
}
