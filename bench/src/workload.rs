//! What is asked, again and again.

use tokio_postgres::Client;

use crate::{BenchError, Options, data, statements::Statement, token::Issuer};

/// Which of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first page of ten of the large project.
    ListTen,
    /// The first page of two hundred of the large project.
    ListTwoHundred,
    /// The first page of ten of one user.
    ListByUser,
    /// One payment method.
    Retrieve,
    /// The second page of ten.
    SecondPage,
    /// Page 50,000 of ten.
    DeepPage,
    /// The first page of ten of the project with 1,000 rows.
    SmallProject,
}

/// A request, and the statement that it becomes.
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) token: String,
    /// How many items its answer must have; `None` where it is no list.
    pub(crate) items: Option<usize>,
    /// What the server was seen to send to the database for it.
    pub(crate) statement: Option<Statement>,
}

/// The requests of a run.
pub(crate) async fn all(
    options: &Options,
    client: &Client,
    issuer: &Issuer,
) -> Result<Vec<Workload>, BenchError> {
    let large = data::LARGE;
    // Page 50,000 follows the 499,990th item; where there are fewer rows, a page in the middle stands for it.
    let deep = (options.rows / 2).min(499_990);
    let after_first = data::id_at(client, large, 9).await?;
    let after_deep = data::id_at(client, large, deep - 1).await?;
    let one = data::id_at(client, large, options.rows / 3).await?;
    let rows = grouped(u64::from(options.rows));
    let request = |kind, name: &str, project: &str, rest: &str, items| Workload {
        kind,
        name: name.to_owned(),
        path: format!("/projects/{project}/paymentMethods{rest}"),
        token: issuer.token(project),
        items,
        statement: None,
    };
    Ok(vec![
        request(
            Kind::ListTen,
            &format!("list 10, project of {rows} (page 1)"),
            large,
            "",
            Some(10),
        ),
        request(Kind::ListTwoHundred, "list 200", large, "?limit=200", Some(200)),
        request(
            Kind::ListByUser,
            "list 10 of one user",
            large,
            "?user=user_7",
            Some(10),
        ),
        request(Kind::Retrieve, "retrieve", large, &format!("/{one}"), None),
        request(
            Kind::SecondPage,
            "list 10, page 2",
            large,
            &format!("?after={after_first}"),
            Some(10),
        ),
        request(
            Kind::DeepPage,
            &format!("list 10, page {}", grouped(u64::from(deep / 10 + 1))),
            large,
            &format!("?after={after_deep}"),
            Some(10),
        ),
        request(
            Kind::SmallProject,
            "list 10, project of 1,000",
            &data::small(),
            "",
            Some(10),
        ),
    ])
}

/// A number with commas.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(50_000), "50,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
