//! Some events of the audit log on one side of a point, in one statement.
//!
//! Built by hand for the reasons that the page of payment methods is: one text for each shape of request, and a row
//! comparison that an index answers. An event never changes and its point is looked up before, so the statement is
//! simpler than that one.

use billfold_domain::{AuditEventId, AuditPageRequest, ProjectScope, UtcTimestamp};
use diesel::{
    QueryResult,
    backend::Backend,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType, Text},
    sqlite::Sqlite,
};

use crate::{
    audit_event_row::{COLUMNS, SqlTypes},
    sql_types::{Instant, StoredInstant},
};

/// Which way the events go on from their point. The nearest come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Older,
    Newer,
}

impl Direction {
    /// The other way.
    pub(crate) const fn opposite(self) -> Self {
        match self {
            Self::Older => Self::Newer,
            Self::Newer => Self::Older,
        }
    }

    const fn comparison(self, with_point: bool) -> &'static str {
        match (self, with_point) {
            (Self::Older, false) => "<",
            (Self::Older, true) => "<=",
            (Self::Newer, false) => ">",
            (Self::Newer, true) => ">=",
        }
    }

    const fn order(self) -> &'static str {
        match self {
            Self::Older => " desc",
            Self::Newer => " asc",
        }
    }
}

/// Where events begin: at this point in time, and at this event of it.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    created_at: StoredInstant,
    id: String,
}

impl Point {
    pub(crate) fn new(created_at: UtcTimestamp, id: &AuditEventId) -> Self {
        Self {
            created_at: StoredInstant(created_at),
            id: id.to_string(),
        }
    }
}

/// Some of a project's events.
#[derive(Clone, Debug)]
pub(crate) struct EventsQuery {
    project: String,
    user: Option<String>,
    action: Option<String>,
    /// The end of the list where there is none.
    point: Option<Point>,
    direction: Direction,
    /// Whether the event at the point itself counts.
    with_point: bool,
    number: i64,
}

impl EventsQuery {
    /// The events that a request filters, from a point on, without the one that is there.
    pub(crate) fn new(
        scope: &ProjectScope,
        request: &AuditPageRequest,
        point: Option<Point>,
        direction: Direction,
        number: i64,
    ) -> Self {
        Self {
            project: scope.project().to_string(),
            user: request.user.as_ref().map(ToString::to_string),
            action: request.action.as_ref().map(ToString::to_string),
            point,
            direction,
            with_point: false,
            number,
        }
    }

    /// The nearest event on the other side of the point, the one that is there included.
    pub(crate) fn behind(self) -> Self {
        Self {
            direction: self.direction.opposite(),
            with_point: true,
            number: 1,
            ..self
        }
    }

    fn push_statement<'b, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<Text> + HasSqlType<Instant>,
        str: ToSql<Text, DB>,
        i64: ToSql<BigInt, DB>,
        StoredInstant: ToSql<Instant, DB>,
    {
        out.push_sql("select ");
        out.push_sql(COLUMNS);
        out.push_sql(" from audit_events e where e.project_id = ");
        out.push_bind_param::<Text, str>(&self.project)?;
        if let Some(user) = &self.user {
            out.push_sql(" and e.user_id = ");
            out.push_bind_param::<Text, str>(user)?;
        }
        if let Some(action) = &self.action {
            out.push_sql(" and e.action = ");
            out.push_bind_param::<Text, str>(action)?;
        }
        if let Some(point) = &self.point {
            out.push_sql(" and (e.created_at, e.id) ");
            out.push_sql(self.direction.comparison(self.with_point));
            out.push_sql(" (");
            out.push_bind_param::<Instant, StoredInstant>(&point.created_at)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, str>(&point.id)?;
            out.push_sql(")");
        }
        out.push_sql(" order by e.created_at");
        out.push_sql(self.direction.order());
        out.push_sql(", e.id");
        out.push_sql(self.direction.order());
        out.push_sql(" limit ");
        out.push_bind_param::<BigInt, _>(&self.number)
    }
}

impl Query for EventsQuery {
    type SqlType = SqlTypes;
}

/// The statement's text is its identity: it differs from request to request by shape only.
impl QueryId for EventsQuery {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for EventsQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.push_statement(&mut out)
    }
}

impl QueryFragment<Sqlite> for EventsQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.push_statement(&mut out)
    }
}

impl<Connection> diesel::RunQueryDsl<Connection> for EventsQuery {}
