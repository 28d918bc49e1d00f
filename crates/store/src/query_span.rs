//! The span that whatever is asked of the database runs in, for whoever follows a request through the rooms.
//!
//! It is at debug level. Where nobody listens it costs one comparison: no clock is read, and no name is made.

use std::fmt;

/// Which method of the store asks, as `room.method`: `payment_methods.list`.
pub(crate) struct Statement {
    /// The path of the module.
    pub(crate) module: &'static str,
    /// The path of something that the method holds.
    pub(crate) within: &'static str,
}

impl fmt::Display for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = self.module.rsplit("::").next().unwrap_or_default();
        // The last part is the thing itself, and futures are parts without a name.
        let mut parts = self.within.rsplit("::").skip(1);
        let method = parts.find(|part| !part.starts_with('{')).unwrap_or_default();
        write!(formatter, "{module}.{method}")
    }
}

/// Asks something of the database in a span of its own. What asks is an expression that gives a `Result` with a `StoreError`;
/// `?` in it leaves the expression alone.
macro_rules! traced {
    ($database:expr, $asking:expr) => {{
        fn here() {}
        let span = tracing::debug_span!(
            "query",
            statement = %$crate::query_span::Statement {
                module: module_path!(),
                within: std::any::type_name_of_val(&here),
            },
            database = $database.engine.as_str(),
        );
        tracing::Instrument::instrument($crate::database::fallible(async { $asking }), span).await
    }};
}

pub(crate) use traced;

#[cfg(test)]
mod tests {
    use super::Statement;

    struct Rows;

    impl Rows {
        async fn count() -> String {
            async {
                fn here() {}
                let within = std::any::type_name_of_val(&here);
                Statement {
                    module: module_path!(),
                    within,
                }
                .to_string()
            }
            .await
        }
    }

    #[tokio::test]
    async fn a_statement_is_called_by_its_method_whatever_lies_around_it() {
        assert_eq!(Rows::count().await, "tests.count");
    }
}
