//! What grows, and where it is measured.

use super::{
    Round,
    databases::Filled,
    questions::{Observed, Question},
};
use crate::{Options, token::Issuer};

/// A quantity that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Payment methods of one project.
    Rows,
    /// Projects, which have as many payment methods together.
    Projects,
    /// How far down the list a page lies.
    Pages,
    /// Connections that ask at once.
    Connections,
}

/// The connections at which it is measured.
const CONNECTIONS: [u32; 6] = [1, 4, 16, 64, 256, 1_024];

/// The pages at which it is measured, of ten each.
const PAGES: [u32; 3] = [1, 1_000, 50_000];

/// The most rows of the project whose pages are asked for.
const ROWS_OF_PAGES: u32 = 1_000_000;

/// A quantity, a request, and what was found there.
pub(super) struct Point {
    pub(super) sweep: Sweep,
    pub(super) quantity: u32,
    pub(super) question: Question,
    pub(super) database: String,
    pub(super) connections: u32,
    pub(super) rounds: Vec<Round>,
}

/// Every point of a run.
pub(super) fn points(
    options: &Options,
    databases: &[Filled],
    observed: &Observed,
    issuer: &Issuer,
) -> Vec<Point> {
    let mut points = Vec::new();
    let mut add = |sweep, quantity, question, database: &Filled, connections| {
        points.push(Point {
            sweep,
            quantity,
            question,
            database: database.name.clone(),
            connections,
            rounds: Vec::new(),
        });
    };
    let connections = options.connections;
    let (of_one_project, of_many): (Vec<&Filled>, Vec<&Filled>) =
        databases.iter().partition(|database| database.projects == 1);
    for database in &of_one_project {
        let questions = [
            observed.list(issuer),
            observed.list_of_user(database.users(), issuer),
            observed.retrieve(database.rows, issuer),
        ];
        for question in questions {
            add(Sweep::Rows, database.rows, question, database, connections);
        }
    }
    for database in of_many {
        let question = observed.list_of_project(database.projects, issuer);
        add(
            Sweep::Projects,
            database.projects,
            question,
            database,
            connections,
        );
    }
    let of_pages = of_one_project
        .iter()
        .rfind(|database| database.rows <= ROWS_OF_PAGES);
    for database in of_pages.into_iter().copied() {
        for page in PAGES.into_iter().filter(|page| page * 10 <= database.rows) {
            let question = observed.page(page, database.rows, issuer);
            add(Sweep::Pages, page, question, database, connections);
        }
        for connections in CONNECTIONS {
            add(
                Sweep::Connections,
                connections,
                observed.list(issuer),
                database,
                connections,
            );
        }
    }
    points
}
