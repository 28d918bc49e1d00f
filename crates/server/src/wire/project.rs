//! Projects on the operator API. Secrets come in, and never go out.

use billfold_domain::{
    Page, PageLimit, ProjectId, ProjectPosition, PublishableKey, StripeAccountId, StripeSecretKey,
    WebhookSecret,
};
use billfold_service::{AccountLook, ConnectedAccountChange, CreateProject, ShownProject, UpdateProject};
use serde::Serialize;
use serde_json::Value;

use super::{
    fault::PropertyFault, json_object::JsonObject, list_query::Parameters, payment_method::parse_object,
    time::rfc3339,
};
use crate::error::ApiError;

/// The body of a request to make a project.
pub(crate) fn parse_create(body: &[u8]) -> Result<CreateProject, ApiError> {
    let mut faults = Vec::new();
    let mut object = parse_object(body)?;
    let id = object.take("id", ProjectId::parse, &mut faults);
    let secret_key = object.take("secretKey", |text| StripeSecretKey::parse(&text), &mut faults);
    let publishable_key = object.take("publishableKey", |text| PublishableKey::parse(&text), &mut faults);
    let connected_account = object.take_given("connectedAccount", |text| account_id(&text), &mut faults);
    let webhook_secret = object.take_given("webhookSecret", |text| WebhookSecret::parse(&text), &mut faults);
    let allow_shared_account = object.take_flag("allowSharedAccount", &mut faults);
    object.refuse_others("project", &mut faults);
    match (id, secret_key, publishable_key) {
        (Some(id), Some(secret_key), Some(publishable_key)) if faults.is_empty() => Ok(CreateProject {
            id,
            secret_key,
            publishable_key,
            connected_account: connected_account.value(),
            webhook_secret: webhook_secret.value(),
            allow_shared_account: allow_shared_account.unwrap_or(false),
            look: AccountLook::AtStripe,
        }),
        _ => Err(ApiError::Invalid(faults)),
    }
}

/// The body of a request to change a project: what it does not name stays.
pub(crate) fn parse_update(body: &[u8]) -> Result<UpdateProject, ApiError> {
    let mut faults = Vec::new();
    let mut object = parse_object(body)?;
    let secret_key = object.take_some("secretKey", |text| StripeSecretKey::parse(&text), &mut faults);
    let publishable_key =
        object.take_some("publishableKey", |text| PublishableKey::parse(&text), &mut faults);
    let connected_account = match object.take_given("connectedAccount", |text| account_id(&text), &mut faults)
    {
        Given::Absent => ConnectedAccountChange::Keep,
        Given::Null => ConnectedAccountChange::Own,
        Given::Value(account) => ConnectedAccountChange::Connected(account),
    };
    let webhook_secret = object.take_some("webhookSecret", |text| WebhookSecret::parse(&text), &mut faults);
    let allow_shared_account = object.take_flag("allowSharedAccount", &mut faults);
    object.refuse_others("project", &mut faults);
    if faults.is_empty() {
        Ok(UpdateProject {
            secret_key,
            publishable_key,
            connected_account,
            webhook_secret,
            allow_shared_account,
            look: AccountLook::AtStripe,
        })
    } else {
        Err(ApiError::Invalid(faults))
    }
}

/// A property that may be left away, and may be `null`.
enum Given<T> {
    Absent,
    Null,
    Value(T),
}

impl<T> Given<T> {
    /// The value, where being absent and being `null` are one.
    fn value(self) -> Option<T> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// A Stripe account's id: `acct_…`. The error says what it must be.
pub(crate) fn account_id(text: &str) -> Result<StripeAccountId, String> {
    let is_account = text.strip_prefix("acct_").is_some_and(|rest| !rest.is_empty());
    if !is_account {
        return Err("must be an account's id, which begins with acct_".to_owned());
    }
    StripeAccountId::parse(text).map_err(|error| error.to_string())
}

impl JsonObject {
    /// Takes a text property that may be absent or `null`. One that is wrong is noted, and counts as absent.
    fn take_given<T, E: ToString>(
        &mut self,
        name: &str,
        parse: impl Fn(String) -> Result<T, E>,
        faults: &mut Vec<PropertyFault>,
    ) -> Given<T> {
        let named: Vec<&Value> = self.values(name).collect();
        if let [Value::Null] = named.as_slice() {
            self.0.retain(|(member, _)| member != name);
            return Given::Null;
        }
        self.take_some(name, parse, faults)
            .map_or(Given::Absent, Given::Value)
    }

    /// Takes a text property that may be absent, and may not be `null`.
    fn take_some<T, E: ToString>(
        &mut self,
        name: &str,
        parse: impl Fn(String) -> Result<T, E>,
        faults: &mut Vec<PropertyFault>,
    ) -> Option<T> {
        let given = self.values(name).next().is_some();
        given.then(|| self.take(name, parse, faults)).flatten()
    }

    /// Takes a property that is `true` or `false`, or absent.
    fn take_flag(&mut self, name: &str, faults: &mut Vec<PropertyFault>) -> Option<bool> {
        let named: Vec<Value> = self
            .0
            .extract_if(.., |(member, _)| member == name)
            .map(|(_, value)| value)
            .collect();
        match named.as_slice() {
            [] => {}
            [Value::Bool(flag)] => return Some(*flag),
            [_] => faults.push(PropertyFault::wrong_type(name, "true or false")),
            _ => faults.push(PropertyFault::invalid(name, "is given twice")),
        }
        None
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0
            .iter()
            .filter(move |(member, _)| member == name)
            .map(|(_, value)| value)
    }
}

/// Which page of the projects a query string asks for. All faults are told at once.
pub(crate) fn parse_list(query: &str) -> Result<(ProjectPosition, PageLimit), ApiError> {
    let mut parameters = Parameters::read(query, &["after", "before", "limit"], &[]);
    let position = parameters.position(|text| ProjectId::parse(text));
    let limit = parameters.limit();
    parameters.finish((position, limit))
}

/// A project as the operator API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectWire<'a> {
    object: &'static str,
    id: &'a str,
    status: &'static str,
    mode: &'static str,
    publishable_key: &'a str,
    account: Option<&'a str>,
    connected_account: Option<&'a str>,
    allow_shared_account: bool,
    webhook_secrets: usize,
    created_at: String,
}

impl<'a> From<&'a ShownProject> for ProjectWire<'a> {
    fn from(project: &'a ShownProject) -> Self {
        Self {
            object: "project",
            id: project.id.as_str(),
            status: project.status.as_str(),
            mode: project.mode.as_str(),
            publishable_key: &project.publishable_key,
            account: project.account.as_ref().map(StripeAccountId::as_str),
            connected_account: project.connected_account.as_ref().map(StripeAccountId::as_str),
            allow_shared_account: project.account_shared,
            webhook_secrets: project.webhook_secrets,
            created_at: rfc3339(project.created_at),
        }
    }
}

/// A page of projects.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectListWire<'a> {
    object: &'static str,
    items: Vec<ProjectWire<'a>>,
    more_items_after: Option<&'a str>,
    more_items_before: Option<&'a str>,
}

impl<'a> From<&'a Page<ShownProject>> for ProjectListWire<'a> {
    fn from(page: &'a Page<ShownProject>) -> Self {
        let name = |project: &'a ShownProject| project.id.as_str();
        Self {
            object: "list",
            items: page.items.iter().map(ProjectWire::from).collect(),
            more_items_after: page.items.last().map(name).filter(|_| page.has_more_after),
            more_items_before: page.items.first().map(name).filter(|_| page.has_more_before),
        }
    }
}
