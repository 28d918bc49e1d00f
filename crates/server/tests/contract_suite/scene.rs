//! What a project has while a test looks at it.

use serde_json::json;

use crate::{forge, http::Request, world::World};

/// A project's objects, and names of things that are not there.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) project: String,
    pub(crate) user: String,
    /// A payment method that is saved and available.
    pub(crate) saved: String,
    /// A payment method that waits for its owner's confirmation.
    pub(crate) waiting: String,
    /// A payment method that was saved and deleted.
    pub(crate) deleted: String,
    /// A payment method at the project's Stripe that nobody has saved.
    pub(crate) unsaved: String,
    pub(crate) setup_intent: String,
}

impl Scene {
    /// Sets a project's scene, all of it for one user.
    pub(crate) async fn set(world: &World, project: &str, user: &str) -> Self {
        let token = forge::full_token(project, user);
        let path = format!("/projects/{project}/paymentMethods");
        let save = async |card: &str| {
            let id = world.card(project, card).await;
            let body = json!({ "id": id, "user": user }).to_string();
            let request = Request::post(path.as_str(), body).token(&token);
            world.send(&request).await.expect(201);
            id
        };
        let saved = save("visa").await;
        let waiting = save("threeDSecure2Required").await;
        let deleted = save("mastercard").await;
        let request = Request::delete(format!("{path}/{deleted}")).token(&token);
        world.send(&request).await.expect(200);
        let body = json!({ "user": user }).to_string();
        let request = Request::post(format!("/projects/{project}/setupIntents"), body).token(&token);
        let made = world.send(&request).await.expect(201).json();
        Self {
            project: project.to_owned(),
            user: user.to_owned(),
            saved,
            waiting,
            deleted,
            unsaved: world.card(project, "visa").await,
            setup_intent: made["id"].as_str().unwrap().to_owned(),
        }
    }

    /// The same scene in a project that is not there, of objects that never were.
    pub(crate) fn never(&self) -> Self {
        Self {
            project: "nowhere".to_owned(),
            user: self.user.clone(),
            saved: "pm_1NeverWas0000000000000a".to_owned(),
            waiting: "pm_1NeverWas0000000000000b".to_owned(),
            deleted: "pm_1NeverWas0000000000000c".to_owned(),
            unsaved: "pm_1NeverWas0000000000000d".to_owned(),
            setup_intent: "seti_1NeverWas0000000000000e".to_owned(),
        }
    }

    /// The name of everything in the scene that another tenant must not see.
    pub(crate) fn names(&self) -> [&str; 5] {
        [
            &self.saved,
            &self.waiting,
            &self.deleted,
            &self.unsaved,
            &self.setup_intent,
        ]
    }
}
