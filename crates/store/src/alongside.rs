//! What is written in an operation's own transactions for whoever asked for it: each commit is a wait.

use billfold_domain::AuditEvent;
use diesel::result::Error as DieselError;

use crate::{StoreError, Token, audit_events::without_project};

/// What is written together with an operation's beginning or its end, or not at all where that is not written.
#[derive(Clone, Debug, Default)]
pub struct Alongside {
    /// What the audit log tells of it.
    pub event: Option<AuditEvent>,
    /// Tokens that are taken where an operation begins, and put back where it ends. The last that are written, since others
    /// wait for them until the commit; users' before the project's, as everywhere.
    pub tokens: Vec<Token>,
}

impl Alongside {
    /// Nothing.
    pub fn nothing() -> &'static Self {
        static NOTHING: Alongside = Alongside {
            event: None,
            tokens: Vec::new(),
        };
        &NOTHING
    }
}

impl Alongside {
    /// The tokens of users' own buckets.
    pub(crate) fn tokens_of_users(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| token.user.is_some())
    }

    /// The tokens of buckets that all users of a project share.
    pub(crate) fn tokens_of_projects(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| token.user.is_none())
    }
}

/// What cannot be told is told apart from what cannot be done.
pub(crate) fn untold(error: DieselError) -> StoreError {
    match without_project(error) {
        StoreError::Internal(cause) => StoreError::Untold(cause),
        error => error,
    }
}

/// Adds the event to the audit log. An expression, since it is compiled for each database's connection.
macro_rules! tell {
    ($connection:expr, $scope:expr, $event:expr) => {{
        use diesel::ExpressionMethods as _;
        diesel::insert_into($crate::schema::audit_events::table)
            .values((
                $crate::schema::audit_events::project_id.eq($scope.project().as_str()),
                $crate::audit_event_row::AuditEventRow::of($event),
            ))
            .execute($connection)
            .await
            .map_err($crate::alongside::untold)
    }};
}

/// Adds the event to the audit log, if there is one.
macro_rules! tell_alongside {
    ($connection:expr, $scope:expr, $alongside:expr) => {
        if let Some(event) = &$alongside.event {
            $crate::alongside::tell!($connection, $scope, event)?;
        }
    };
}

/// Takes all of the tokens, or fails with [`crate::StoreError::Lacking`].
macro_rules! take_alongside {
    ($connection:expr, $scope:expr, $tokens:expr) => {
        for token in $tokens {
            let taken = $crate::rate_limits::take_if_there!($scope, token)
                .execute($connection)
                .await?;
            if taken == 0 {
                let wait = $crate::rate_limits::wait_for!($connection, $scope, token);
                return Err($crate::StoreError::Lacking {
                    token: Box::new(token.clone()),
                    wait,
                });
            }
        }
    };
}

/// Puts all of the tokens back.
macro_rules! put_back_alongside {
    ($connection:expr, $scope:expr, $tokens:expr) => {
        for token in $tokens {
            $crate::rate_limits::put_back!($scope, token)
                .execute($connection)
                .await?;
        }
    };
}

pub(crate) use {put_back_alongside, take_alongside, tell, tell_alongside};
