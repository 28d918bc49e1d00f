//! What is asked, where the process that is asked ends, and what it answered before.

use std::fmt;

use billfold_domain::{PaymentMethodId, UserId};

use billfold_store::Deletable;

use crate::{
    Confirmation, SavedPaymentMethod, ServiceError, Tenant, attendance::Attendance, engine::Engine,
    world::World,
};

/// A request, under the name that its client keeps for it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) operation: String,
    pub(super) wish: Wish,
}

#[derive(Clone, Debug)]
pub(super) enum Wish {
    Create(PaymentMethodId, UserId, Confirmation),
    Delete(PaymentMethodId),
    SetupIntent(UserId),
}

/// Which call to the world something happens at, counted from 0, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// The process aborts instead of the call.
    Before(u32),
    /// The process aborts when the call has been answered.
    After(u32),
    /// The call is made twice; the first answer is dropped.
    Twice(u32),
    /// The process aborts when all that remains of the first operation is to write its result.
    BeforeResult,
}

impl Point {
    pub(super) const KINDS: [fn(u32) -> Self; 3] = [Self::Before, Self::After, Self::Twice];
}

/// What a process is told.
pub(super) struct Task {
    pub(super) database: String,
    pub(super) stripe: String,
    pub(super) request: Request,
    pub(super) point: Point,
}

/// One line for each part.
impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, number) = match self.point {
            Point::Before(number) => ("before", number),
            Point::After(number) => ("after", number),
            Point::Twice(number) => ("twice", number),
            Point::BeforeResult => ("beforeResult", 0),
        };
        let Request { operation, wish } = &self.request;
        write!(
            formatter,
            "{}\n{}\n{kind}\n{number}\n{operation}\n",
            self.database, self.stripe
        )?;
        match wish {
            Wish::Create(id, user, Confirmation::MayFollow) => write!(formatter, "create\n{id}\n{user}"),
            Wish::Create(id, user, Confirmation::MustPrecede) => {
                write!(formatter, "createAvailable\n{id}\n{user}")
            }
            Wish::Delete(id) => write!(formatter, "delete\n{id}"),
            Wish::SetupIntent(user) => write!(formatter, "setupIntent\n{user}"),
        }
    }
}

impl Task {
    pub(super) fn parse(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let [database, stripe, kind, number, operation, wish @ ..] = lines.as_slice() else {
            panic!("not a task: {text}");
        };
        let method = |id: &str| PaymentMethodId::parse(id).unwrap();
        let user = |id: &str| UserId::parse(id).unwrap();
        let wish = match wish {
            ["create", id, of] => Wish::Create(method(id), user(of), Confirmation::MayFollow),
            ["createAvailable", id, of] => Wish::Create(method(id), user(of), Confirmation::MustPrecede),
            ["delete", id] => Wish::Delete(method(id)),
            ["setupIntent", of] => Wish::SetupIntent(user(of)),
            _ => panic!("not a wish: {text}"),
        };
        let number = number.parse().unwrap();
        let point = match *kind {
            "before" => Point::Before(number),
            "after" => Point::After(number),
            "twice" => Point::Twice(number),
            "beforeResult" => Point::BeforeResult,
            _ => panic!("not a point: {text}"),
        };
        Self {
            database: (*database).to_owned(),
            stripe: (*stripe).to_owned(),
            request: Request {
                operation: (*operation).to_owned(),
                wish,
            },
            point,
        }
    }
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Saved, whether by this request or before it.
    Saved,
    Deleted,
    /// With Stripe's name of it.
    SetupIntent(String),
    NeedsConfirmation,
    /// Refused for another reason, in the error's words.
    Refused(String),
    TryAgain,
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saved => formatter.write_str("saved"),
            Self::Deleted => formatter.write_str("deleted"),
            Self::SetupIntent(id) => write!(formatter, "setupIntent {id}"),
            Self::NeedsConfirmation => formatter.write_str("needsConfirmation"),
            Self::Refused(why) => write!(formatter, "refused {why}"),
            Self::TryAgain => formatter.write_str("tryAgain"),
        }
    }
}

impl Answer {
    pub(super) fn parse(text: &str) -> Self {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        match name {
            "saved" => Self::Saved,
            "deleted" => Self::Deleted,
            "setupIntent" => Self::SetupIntent(rest.to_owned()),
            "needsConfirmation" => Self::NeedsConfirmation,
            "refused" => Self::Refused(rest.to_owned()),
            "tryAgain" => Self::TryAgain,
            _ => panic!("not an answer: {text}"),
        }
    }

    fn of_error(error: &ServiceError) -> Self {
        match error {
            ServiceError::Busy | ServiceError::Unavailable { .. } => Self::TryAgain,
            ServiceError::RequiresConfirmation => Self::NeedsConfirmation,
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Makes a request of the engine, in whatever world that is.
pub(super) async fn ask<W: World>(engine: &Engine<W>, tenant: &Tenant, request: &Request) -> Answer {
    let operation = request.operation.as_str();
    let answer = match &request.wish {
        Wish::Create(id, user, confirmation) => engine
            .create_payment_method(tenant, operation, id, user, *confirmation, &Attendance::nobody())
            .await
            .map(|(SavedPaymentMethod::Created(_) | SavedPaymentMethod::Existing(_))| Answer::Saved),
        Wish::Delete(id) => engine
            .delete_payment_method(tenant, operation, id, Deletable::Any, &Attendance::nobody())
            .await
            .map(|_| Answer::Deleted),
        Wish::SetupIntent(user) => engine
            .create_setup_intent(tenant, operation, user.clone())
            .await
            .map(|made| Answer::SetupIntent(made.id.to_string())),
    };
    answer.unwrap_or_else(|error| Answer::of_error(&error))
}
