//! `/webhooks/stripe/{project}`

use actix_web::{HttpRequest, http::StatusCode, web};
use billfold_service::{Service, StripeDelivery, WebhookError};
use billfold_stripe::Event;

use super::Answer;
use crate::{error::ProjectFace, reply::Reply, request_id::note_project, wire::body::Body};

pub(crate) async fn receive(
    service: web::Data<Service>,
    request: HttpRequest,
    body: Body,
) -> Answer<ProjectFace> {
    let delivery = StripeDelivery {
        project: request.match_info().get("project").unwrap_or_default(),
        signature: signature(&request),
    };
    let expected = service.expect_webhook(&delivery).await.inspect_err(count)?;
    note_project(expected.project());
    let body = body.read_at_most(Event::MAXIMUM_LENGTH).await?;
    service.accept_webhook(expected, &body).await.inspect_err(count)?;
    Ok(Reply::empty(StatusCode::OK))
}

/// Counts one that is not taken in; those that are, the service counts, which knows the new ones.
fn count(error: &WebhookError) {
    let outcome = match error {
        WebhookError::Rejected => "rejected",
        WebhookError::Failed(_) => "failed",
    };
    metrics::counter!("billfold_webhooks_total", "outcome" => outcome).increment(1);
}

/// The only header of that name.
fn signature(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all("Stripe-Signature");
    let (Some(signature), None) = (headers.next(), headers.next()) else {
        return None;
    };
    signature.to_str().ok()
}
