//! One page of the list in one statement.
//!
//! The statement is built by hand, since it must be the same text for the same shape of request (so that the database
//! prepares it once) and lean on row comparison, which lets an index answer for page 50,000 as fast as for page 1.
//! It asks for one item more than the limit to know whether the list goes on in its own direction, and carries the
//! answer for the other direction as a column.

use billfold_domain::{
    Page, PageRequest, PaymentMethod, PaymentMethodType, PaymentMethodTypes, Position, ProjectScope,
};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Bool, Nullable, SmallInt, Text},
    sqlite::Sqlite,
};

use crate::{StoreError, payment_method_row::PaymentMethodRow, sql_types::Instant};

/// A payment method of the page, and whether its list goes on behind the page's position.
pub(crate) type PageRow = (PaymentMethodRow, bool);

const COLUMNS: &str =
    "m.id, m.user_id, m.type, m.brand, m.last4, m.exp_month, m.exp_year, m.setup_intent_id, m.created_at";

#[derive(Clone, Debug)]
pub(crate) struct PageQuery {
    project: String,
    user: Option<String>,
    /// The types to filter by; empty where every type is wanted.
    types: Vec<&'static str>,
    cursor: Option<String>,
    direction: Direction,
    /// One more than the page may have.
    fetched: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// Towards older items.
    Older,
    /// Towards newer items: the rows come oldest first.
    Newer,
}

impl Direction {
    const fn beyond_cursor(self) -> &'static str {
        match self {
            Self::Older => "<",
            Self::Newer => ">",
        }
    }

    const fn not_beyond_cursor(self) -> &'static str {
        match self {
            Self::Older => ">=",
            Self::Newer => "<=",
        }
    }

    const fn order(self) -> &'static str {
        match self {
            Self::Older => "desc",
            Self::Newer => "asc",
        }
    }

    const fn opposite_order(self) -> &'static str {
        match self {
            Self::Older => "asc",
            Self::Newer => "desc",
        }
    }
}

/// A database that a page can be asked of.
trait PageBackend: diesel::backend::Backend + diesel::sql_types::HasSqlType<Text> {
    /// What is put before a column that no index is to be searched for.
    const UNSEARCHED: &str;
}

/// PostgreSQL knows that a user has few methods.
impl PageBackend for Pg {
    const UNSEARCHED: &str = "";
}

/// SQLite knows nothing of the rows, and would as soon go through all of a project's methods of a type.
impl PageBackend for Sqlite {
    const UNSEARCHED: &str = "+";
}

impl PageQuery {
    pub(crate) fn new(scope: &ProjectScope, request: &PageRequest) -> Self {
        let (cursor, direction) = match &request.position {
            Position::Start => (None, Direction::Older),
            Position::After(id) => (Some(id), Direction::Older),
            Position::Before(id) => (Some(id), Direction::Newer),
        };
        let types = if request.types == PaymentMethodTypes::ALL {
            Vec::new()
        } else {
            request.types.members().map(PaymentMethodType::as_str).collect()
        };
        Self {
            project: scope.project().to_string(),
            user: request.user.as_ref().map(ToString::to_string),
            types,
            cursor: cursor.map(ToString::to_string),
            direction,
            fetched: i64::try_from(request.limit.items()).unwrap_or(i64::MAX - 1) + 1,
        }
    }

    /// Makes the page of the rows that the statement gave.
    pub(crate) fn page(&self, mut rows: Vec<PageRow>) -> Result<Page<PaymentMethod>, StoreError> {
        let limit = usize::try_from(self.fetched - 1).unwrap_or(usize::MAX);
        let has_more_beyond = rows.len() > limit && limit > 0;
        rows.truncate(limit);
        let has_more_behind = rows.first().is_some_and(|(_, behind)| *behind);
        let mut items = rows
            .into_iter()
            .map(|(row, _)| PaymentMethod::try_from(row))
            .collect::<Result<Vec<_>, _>>()?;
        let (has_more_after, has_more_before) = match self.direction {
            Direction::Older => (has_more_beyond, has_more_behind),
            Direction::Newer => (has_more_behind, has_more_beyond),
        };
        if self.direction == Direction::Newer {
            items.reverse();
        }
        Ok(Page {
            items,
            has_more_after,
            has_more_before,
        })
    }

    /// Whether an index has the page's rows one after the other. A user's methods of some types lie among those of the others,
    /// however many they are.
    pub(crate) const fn reads_no_more_than_it_shows(&self) -> bool {
        self.user.is_none() || self.types.is_empty()
    }

    /// Each set of types that one index scan can answer in order. A user's few methods are filtered as they come; a
    /// project's many are read type by type and merged.
    fn branches(&self) -> Vec<&[&'static str]> {
        if self.user.is_some() || self.types.is_empty() {
            vec![&self.types]
        } else {
            self.types.chunks(1).collect()
        }
    }

    fn push_statement<'b, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: PageBackend,
        str: diesel::serialize::ToSql<Text, DB>,
        i64: diesel::serialize::ToSql<BigInt, DB>,
    {
        if let Some(cursor) = &self.cursor {
            self.push_position(out, cursor)?;
        }
        let branches = self.branches();
        for (index, types) in branches.iter().enumerate() {
            if index > 0 {
                out.push_sql(" union all ");
            }
            out.push_sql("select * from (select ");
            out.push_sql(COLUMNS);
            out.push_sql(", ");
            self.push_behind(out)?;
            out.push_sql(" as behind from payment_methods m where ");
            self.push_filters(out, "m", types)?;
            if let Some(cursor) = &self.cursor {
                out.push_sql(" and (m.created_at, m.id) ");
                out.push_sql(self.direction.beyond_cursor());
                push_cursor(out, cursor)?;
            }
            out.push_sql(" order by m.created_at ");
            out.push_sql(self.direction.order());
            out.push_sql(", m.id ");
            out.push_sql(self.direction.order());
            out.push_sql(" limit ");
            out.push_bind_param::<BigInt, _>(&self.fetched)?;
            out.push_sql(") as page");
        }
        if branches.len() > 1 {
            out.push_sql(" order by created_at ");
            out.push_sql(self.direction.order());
            out.push_sql(", id ");
            out.push_sql(self.direction.order());
            out.push_sql(" limit ");
            out.push_bind_param::<BigInt, _>(&self.fetched)?;
        }
        Ok(())
    }

    /// Looks the cursor's row up, once: where it lies, and whether it is itself an item of the list. A deleted method
    /// still has a position; an unknown one has none, and nothing compares to it.
    fn push_position<'b, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>, cursor: &'b str) -> QueryResult<()>
    where
        DB: PageBackend,
        str: diesel::serialize::ToSql<Text, DB>,
    {
        out.push_sql("with position as materialized (select c.created_at, (");
        self.push_filters(out, "c", &self.types)?;
        out.push_sql(") as listed from payment_methods c where c.project_id = ");
        out.push_bind_param::<Text, str>(&self.project)?;
        out.push_sql(" and c.id = ");
        out.push_bind_param::<Text, str>(cursor)?;
        out.push_sql(") ");
        Ok(())
    }

    /// Whether any item lies at the cursor or on its other side. The cursor's own row is one as a rule; only where it is
    /// not, the index is read at the end nearest to it. By `exists` the planner would be free to scan.
    fn push_behind<'b, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: PageBackend,
        str: diesel::serialize::ToSql<Text, DB>,
    {
        let Some(cursor) = &self.cursor else {
            out.push_sql("(1 = 0)");
            return Ok(());
        };
        out.push_sql("(case when (select listed from position) then (1 = 1) else (");
        for (index, types) in self.branches().iter().enumerate() {
            if index > 0 {
                out.push_sql(" or ");
            }
            out.push_sql("(select b.id from payment_methods b where ");
            self.push_filters(out, "b", types)?;
            out.push_sql(" and (b.created_at, b.id) ");
            out.push_sql(self.direction.not_beyond_cursor());
            push_cursor(out, cursor)?;
            out.push_sql(" order by b.created_at ");
            out.push_sql(self.direction.opposite_order());
            out.push_sql(", b.id ");
            out.push_sql(self.direction.opposite_order());
            out.push_sql(" limit 1) is not null");
        }
        out.push_sql(") end)");
        Ok(())
    }

    /// The project first, always.
    fn push_filters<'b, DB>(
        &'b self,
        out: &mut AstPass<'_, 'b, DB>,
        table: &str,
        types: &[&'static str],
    ) -> QueryResult<()>
    where
        DB: PageBackend,
        str: diesel::serialize::ToSql<Text, DB>,
    {
        out.push_sql(table);
        out.push_sql(".project_id = ");
        out.push_bind_param::<Text, str>(&self.project)?;
        out.push_sql(" and ");
        out.push_sql(table);
        out.push_sql(".deleted_at is null");
        if let Some(user) = &self.user {
            out.push_sql(" and ");
            out.push_sql(table);
            out.push_sql(".user_id = ");
            out.push_bind_param::<Text, str>(user)?;
        }
        for (index, member) in types.iter().enumerate() {
            out.push_sql(if index == 0 { " and " } else { ", " });
            if index == 0 {
                if self.user.is_some() {
                    out.push_sql(DB::UNSEARCHED);
                }
                out.push_sql(table);
                out.push_sql(".type in (");
            }
            out.push_bind_param::<Text, str>(*member)?;
        }
        if !types.is_empty() {
            out.push_sql(")");
        }
        Ok(())
    }
}

/// The cursor's position, to compare with.
fn push_cursor<'b, DB>(out: &mut AstPass<'_, 'b, DB>, cursor: &'b str) -> QueryResult<()>
where
    DB: diesel::backend::Backend + diesel::sql_types::HasSqlType<Text>,
    str: diesel::serialize::ToSql<Text, DB>,
{
    out.push_sql(" ((select created_at from position), ");
    out.push_bind_param::<Text, str>(cursor)?;
    out.push_sql(")");
    Ok(())
}

impl Query for PageQuery {
    type SqlType = (
        (
            Text,
            Text,
            Text,
            Text,
            Text,
            SmallInt,
            SmallInt,
            Nullable<Text>,
            Instant,
        ),
        Bool,
    );
}

/// The statement's text is its identity: it differs from request to request by shape only.
impl QueryId for PageQuery {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for PageQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.push_statement(&mut out)
    }
}

impl QueryFragment<Sqlite> for PageQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.push_statement(&mut out)
    }
}

impl<Connection> diesel::RunQueryDsl<Connection> for PageQuery {}

#[cfg(test)]
#[path = "payment_method_page_tests.rs"]
mod tests;
