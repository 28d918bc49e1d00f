//! What is asked: the same request again and again, or one of a user, payment method or project by chance.

use billfold_test_support::{APPLICATION_ROLE, PostgresServer};

use super::{
    SMALLEST,
    databases::{FACTOR, FIRST_PROJECT, OFFSET, PRIME, id},
};
use crate::{
    BenchError,
    program::Program,
    statements::{self, Statement},
    token::Issuer,
    workload::{Kind, Workload},
};

/// The user and the number of the payment method that are asked for to see which statement that becomes.
const SAMPLE_USER: &str = "7";
const SAMPLE_NUMBER: u32 = 500;

/// What is drawn by lot for each request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lot {
    /// Nothing: it is the same request.
    None,
    /// One of so many users.
    User(u32),
    /// One of so many payment methods.
    PaymentMethod(u32),
    /// One of so many projects.
    Project(u32),
}

impl Lot {
    /// The lines of a script of pgbench that draw `:lot`.
    fn pgbench_lines(self) -> String {
        match self {
            Self::None => String::new(),
            Self::User(users) => format!("\\set lot random(1, {users})\n"),
            Self::PaymentMethod(rows) => {
                format!("\\set number random(1, {rows})\n\\set lot {OFFSET} + :number * {FACTOR} % {PRIME}\n")
            }
            Self::Project(projects) => {
                format!(
                    "\\set lot random({FIRST_PROJECT}, {})\n",
                    FIRST_PROJECT + projects - 1
                )
            }
        }
    }

    /// The expression of Lua that draws it as text.
    fn lua_expression(self) -> String {
        match self {
            Self::None => "''".to_owned(),
            Self::User(users) => format!("math.random({users})"),
            Self::PaymentMethod(rows) => {
                format!("string.format('%.0f', {OFFSET} + math.random({rows}) * {FACTOR} % {PRIME})")
            }
            Self::Project(projects) => format!("{} + math.random({projects})", FIRST_PROJECT - 1),
        }
    }
}

/// A request, and what the database is asked for it.
pub(super) struct Question {
    pub(super) name: &'static str,
    lot: Lot,
    /// The path in the project, before what is drawn.
    rest: String,
    /// A token of each project, in order.
    tokens: Vec<String>,
    /// A script of pgbench: it draws too, and then asks.
    pub(super) statement: Statement,
}

/// The statements of the four shapes of request, as the server was seen to send them.
pub(super) struct Observed {
    list: Statement,
    list_of_user: Statement,
    retrieve: Statement,
    list_after: Statement,
}

/// Asks an instance on the smallest database, and notes what it asks the database.
pub(super) async fn observe(
    program: &Program,
    postgres: &PostgresServer,
    issuer: &Issuer,
) -> Result<Observed, BenchError> {
    let sample = id(SAMPLE_NUMBER);
    let workload = |kind, rest: String, items| Workload {
        kind,
        name: format!("paymentMethods{rest}"),
        path: format!("/projects/{FIRST_PROJECT}/paymentMethods{rest}"),
        token: issuer.token(&FIRST_PROJECT.to_string()),
        items,
        statement: None,
    };
    let mut workloads = vec![
        workload(Kind::ListTen, String::new(), Some(10)),
        workload(Kind::ListByUser, format!("?user={SAMPLE_USER}"), Some(10)),
        workload(Kind::Retrieve, format!("/{sample}"), None),
        workload(Kind::DeepPage, format!("?after={sample}"), Some(10)),
    ];
    let database = postgres.url_as(APPLICATION_ROLE, SMALLEST);
    statements::observe(program, postgres, &database, issuer, &mut workloads).await?;
    let mut observed = workloads
        .into_iter()
        .map(|workload| workload.statement.ok_or("the statement was not observed"));
    let mut next = || observed.next().unwrap_or(Err("the statement was not observed"));
    Ok(Observed {
        list: next()?,
        list_of_user: next()?,
        retrieve: next()?,
        list_after: next()?,
    })
}

impl Observed {
    /// The first page of the only project.
    pub(super) fn list(&self, issuer: &Issuer) -> Question {
        question("list 10", Lot::None, String::new(), issuer, self.list.clone())
    }

    /// The first page of a user of the only project.
    pub(super) fn list_of_user(&self, users: u32, issuer: &Issuer) -> Question {
        let lot = Lot::User(users);
        let statement = drawn(&self.list_of_user, SAMPLE_USER, lot);
        question(
            "list 10 of a user by chance",
            lot,
            "?user=".to_owned(),
            issuer,
            statement,
        )
    }

    /// A payment method of the only project.
    pub(super) fn retrieve(&self, rows: u32, issuer: &Issuer) -> Question {
        let lot = Lot::PaymentMethod(rows);
        let statement = drawn(&self.retrieve, &id(SAMPLE_NUMBER), lot);
        question("retrieve one by chance", lot, "/".to_owned(), issuer, statement)
    }

    /// A page of the only project, which has so many rows.
    pub(super) fn page(&self, page: u32, rows: u32, issuer: &Issuer) -> Question {
        if page == 1 {
            return self.list(issuer);
        }
        let cursor = id(rows - (page - 1) * 10 + 1);
        let mut statement = self.list_after.clone();
        let sample = id(SAMPLE_NUMBER);
        for value in statement.values.iter_mut().filter(|value| **value == sample) {
            value.clone_from(&cursor);
        }
        question(
            "list 10",
            Lot::None,
            format!("?after={cursor}"),
            issuer,
            statement,
        )
    }

    /// The first page of one of the projects.
    pub(super) fn list_of_project(&self, projects: u32, issuer: &Issuer) -> Question {
        let lot = Lot::Project(projects);
        let tokens =
            (FIRST_PROJECT..FIRST_PROJECT + projects).map(|project| issuer.token(&project.to_string()));
        Question {
            name: "list 10 of a project by chance",
            lot,
            rest: String::new(),
            tokens: tokens.collect(),
            statement: drawn(&self.list, &FIRST_PROJECT.to_string(), lot),
        }
    }
}

fn question(name: &'static str, lot: Lot, rest: String, issuer: &Issuer, statement: Statement) -> Question {
    Question {
        name,
        lot,
        rest,
        tokens: vec![issuer.token(&FIRST_PROJECT.to_string())],
        statement,
    }
}

/// The statement with what is drawn in place of a value.
fn drawn(observed: &Statement, sample: &str, lot: Lot) -> Statement {
    let mut text = lot.pgbench_lines();
    let mut parts = observed.text.split('$');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|next: char| next.is_ascii_digit()).len();
        let number: Option<usize> = part[..digits].parse().ok();
        let value = number.and_then(|number| observed.values.get(number.checked_sub(1)?));
        if value.is_some_and(|value| value == sample) {
            text.push_str(":lot");
            text.push_str(&part[digits..]);
        } else {
            text.push('$');
            text.push_str(part);
        }
    }
    Statement {
        text,
        values: observed.values.clone(),
    }
}

impl Question {
    /// The script of `wrk` that asks it.
    pub(super) fn lua_script(&self) -> String {
        let rest = &self.rest;
        let request =
            "' HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nAuthorization: Bearer ' .. token .. '\\r\\n\\r\\n'";
        let tokens = self.tokens.join("', '");
        let drawing = self.lot.lua_expression();
        let head = format!("local tokens = {{'{tokens}'}}\nmath.randomseed(os.time())\n");
        match self.lot {
            Lot::Project(_) => format!(
                "{head}local first = {FIRST_PROJECT}\nlocal requests = {{}}\n\
                 for index, token in ipairs(tokens) do\n\
                 requests[first + index - 1] = 'GET /projects/' .. (first + index - 1) .. '/paymentMethods{rest}' .. {request}\n\
                 end\n\
                 request = function() return requests[{drawing}] end\n"
            ),
            _ => format!(
                "{head}local token = tokens[1]\n\
                 local before = 'GET /projects/{FIRST_PROJECT}/paymentMethods{rest}'\nlocal after = {request}\n\
                 request = function() return before .. {drawing} .. after end\n"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_takes_the_place_of_its_value() {
        let observed = Statement {
            text: "select a from b where c = $1 and d = $12 and e = $2".to_owned(),
            values: (1..=12).map(|number| number.to_string()).collect(),
        };
        let statement = drawn(&observed, "12", Lot::User(20));
        assert_eq!(
            statement.script(),
            "\\set lot random(1, 20)\nselect a from b where c = :p1 and d = :lot and e = :p2;\n"
        );
    }
}
