//! `billfold api-key list`

use billfold_domain::{ApiKeyName, UtcTimestamp};
use billfold_store::StoredApiKey;
use clap::Args;

use super::ProjectArguments;
use crate::{
    cli::{CommandError, print},
    wire::time::rfc3339,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    project: ProjectArguments,
}

impl List {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let opened = self.project.open().await?;
        let keys = opened.keys.list(&opened.scope).await?;
        print(&table(&keys))?;
        Ok(())
    }
}

const HEADINGS: [&str; 7] = [
    "id",
    "scopes",
    "created",
    "expires",
    "last used",
    "revoked",
    "name",
];

/// One line a key, in columns; the name comes last, since it may have spaces. Nothing at all where there is no key.
fn table(keys: &[StoredApiKey]) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let lines: Vec<[String; 7]> = std::iter::once(HEADINGS.map(str::to_owned))
        .chain(keys.iter().map(line))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        let padded = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn line(key: &StoredApiKey) -> [String; 7] {
    [
        key.id.to_string(),
        key.scopes.to_string(),
        rfc3339(key.created_at),
        time(key.expires_at),
        time(key.last_used_at),
        time(key.revoked_at),
        key.name.as_ref().map_or("-", ApiKeyName::as_str).to_owned(),
    ]
}

fn time(at: Option<UtcTimestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), rfc3339)
}
