//! The second wall between tenants: PostgreSQL's row-level security, which shows the rows of one project only.
//!
//! Every policy compares a row's project with the setting `app.project`, which lasts as long as a transaction. A read is one
//! statement on a connection that other requests use too, so the setting is made by the statement itself:
//!
//! ```sql
//! select x.* from (select set_config('app.project', $1, true) as project offset 0) s
//!     cross join lateral (select i.* from (<the statement>) i where s.project is not null offset 0) x
//! ```
//!
//! The right side names the left one, so it cannot be carried out before it; the two `offset 0` keep the planner from
//! dissolving either side into the other. The statement itself keeps its own filter by project and its own parameter for it:
//! the walls do not lean on each other, and where they name two projects there are no rows.
//!
//! The policies of tables in parts ask for the setting by a subquery, which is answered once in a statement, when the rows are
//! read. Without it PostgreSQL would choose the part when the statement begins, by a setting that is not made yet.

use billfold_domain::{ProjectId, ProjectScope};
use diesel::{
    QueryResult,
    expression::ValidGrouping,
    pg::Pg,
    query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Text},
    sqlite::Sqlite,
};

use crate::StoreError;

/// Whose rows a statement is for.
pub(crate) trait Tenant {
    /// The project.
    fn tenant(&self) -> &ProjectId;
}

impl Tenant for ProjectScope {
    fn tenant(&self) -> &ProjectId {
        self.project()
    }
}

/// For what is asked of a project before anybody is authorised for it: whether it exists, and how it speaks to Stripe.
impl Tenant for ProjectId {
    fn tenant(&self) -> &ProjectId {
        self
    }
}

/// A reading statement that says itself whose rows it may see. PostgreSQL only.
#[derive(Clone, Debug)]
pub(crate) struct UnderPolicy<Statement> {
    project: String,
    statement: Statement,
}

/// The statement, to be carried out under the policy of a tenant.
pub(crate) fn under_policy<Statement: AsQuery>(
    tenant: &impl Tenant,
    statement: Statement,
) -> UnderPolicy<Statement::Query> {
    UnderPolicy {
        project: tenant.tenant().to_string(),
        statement: statement.as_query(),
    }
}

impl<Statement: Query> Query for UnderPolicy<Statement> {
    type SqlType = Statement::SqlType;
}

impl<Statement: QueryId> QueryId for UnderPolicy<Statement> {
    type QueryId = UnderPolicy<Statement::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Statement::HAS_STATIC_QUERY_ID;
}

impl<Statement: QueryFragment<Pg>> QueryFragment<Pg> for UnderPolicy<Statement> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select x.* from (select set_config('app.project', ");
        out.push_bind_param::<Text, str>(&self.project)?;
        out.push_sql(", true) as project offset 0) s cross join lateral (select i.* from (");
        self.statement.walk_ast(out.reborrow())?;
        out.push_sql(") i where s.project is not null offset 0) x");
        Ok(())
    }
}

/// The project that a [`ProjectsDue`] is at.
#[derive(Clone, Copy, Debug, QueryId, ValidGrouping)]
pub(crate) struct ProjectAtHand;

impl diesel::expression::Expression for ProjectAtHand {
    type SqlType = Text;
}

impl<Table> diesel::expression::SelectableExpression<Table> for ProjectAtHand {}
impl<Table> diesel::expression::AppearsOnTable<Table> for ProjectAtHand {}

impl QueryFragment<Pg> for ProjectAtHand {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("s.project");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for ProjectAtHand {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("projects.id");
        Ok(())
    }
}

/// The names of the projects for which something is due, the longest due first. No statement sees the rows of two projects:
/// this one goes from project to project, and is under the policy of each while it looks there: not into tables in parts, whose
/// policy keeps to the first project of a statement. Deleted projects are never among them, and shut ones only where `EVEN_SHUT`
/// says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProjectsDue<Due, const EVEN_SHUT: bool> {
    due: Due,
    limit: i64,
}

/// At most `limit` of the projects that are not shut and for which `due` is not null, in its order. `due` is an expression about
/// the [`ProjectAtHand`].
pub(crate) const fn projects_due<Due>(due: Due, limit: i64) -> ProjectsDue<Due, false> {
    ProjectsDue { due, limit }
}

/// The same, shut projects and those that are being deleted included.
pub(crate) const fn projects_due_even_shut<Due>(due: Due, limit: i64) -> ProjectsDue<Due, true> {
    ProjectsDue { due, limit }
}

/// The column that is null for the projects to look at. One that is deleted is shut, too.
const fn null_column(even_shut: bool) -> &'static str {
    if even_shut { "deleted_at" } else { "disabled_at" }
}

impl<Due, const EVEN_SHUT: bool> Query for ProjectsDue<Due, EVEN_SHUT> {
    type SqlType = Text;
}

impl<Due: QueryId, const EVEN_SHUT: bool> QueryId for ProjectsDue<Due, EVEN_SHUT> {
    type QueryId = ProjectsDue<Due::QueryId, EVEN_SHUT>;
    const HAS_STATIC_QUERY_ID: bool = Due::HAS_STATIC_QUERY_ID;
}

impl<Due: QueryFragment<Pg>, const EVEN_SHUT: bool> QueryFragment<Pg> for ProjectsDue<Due, EVEN_SHUT> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // The whole of a project's turn is within one fence: nothing can come between its setting and its rows.
        out.push_sql(
            "select p.id from projects p cross join lateral (\
             select x.due from (select set_config('app.project', p.id, true) as project offset 0) s \
             cross join lateral (select (",
        );
        self.due.walk_ast(out.reborrow())?;
        out.push_sql(") as due where s.project is not null offset 0) x offset 0) d where p.");
        out.push_sql(null_column(EVEN_SHUT));
        out.push_sql(" is null and d.due is not null order by d.due, p.id limit ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}

impl<Due: QueryFragment<Sqlite>, const EVEN_SHUT: bool> QueryFragment<Sqlite>
    for ProjectsDue<Due, EVEN_SHUT>
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("select p.id from (select projects.id as id, (");
        self.due.walk_ast(out.reborrow())?;
        out.push_sql(") as due from projects where projects.");
        out.push_sql(null_column(EVEN_SHUT));
        out.push_sql(" is null) p where p.due is not null order by p.due, p.id limit ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}

impl<Due, const EVEN_SHUT: bool, Connection> diesel::RunQueryDsl<Connection> for ProjectsDue<Due, EVEN_SHUT> {}

/// Rows that are names of projects.
pub(crate) fn project_names(rows: Vec<String>) -> Result<Vec<ProjectId>, StoreError> {
    let name =
        |id: String| ProjectId::parse(id).map_err(|error| StoreError::Internal(format!("project: {error}")));
    rows.into_iter().map(name).collect()
}

#[cfg(test)]
#[path = "row_security_tests.rs"]
mod tests;
