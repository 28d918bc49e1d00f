//! The tables, as the migrations leave them.

diesel::table! {
    projects (id) {
        id -> Text,
        created_at -> crate::sql_types::Instant,
        disabled_at -> Nullable<crate::sql_types::Instant>,
    }
}

diesel::table! {
    stripe_credentials (project_id) {
        project_id -> Text,
        secret_key -> Text,
        publishable_key -> Text,
        account_id -> Nullable<Text>,
    }
}

diesel::table! {
    customers (project_id, user_id) {
        project_id -> Text,
        user_id -> Text,
        id -> Text,
        created_at -> crate::sql_types::Instant,
    }
}

diesel::table! {
    payment_methods (project_id, id) {
        project_id -> Text,
        id -> Text,
        user_id -> Text,
        #[sql_name = "type"]
        payment_method_type -> Text,
        brand -> Text,
        last4 -> Text,
        exp_month -> SmallInt,
        exp_year -> SmallInt,
        setup_intent_id -> Nullable<Text>,
        created_at -> crate::sql_types::Instant,
        deleted_at -> Nullable<crate::sql_types::Instant>,
    }
}

diesel::table! {
    setup_intents (project_id, id) {
        project_id -> Text,
        id -> Text,
        user_id -> Text,
        created_at -> crate::sql_types::Instant,
    }
}

diesel::table! {
    operations (project_id, id) {
        project_id -> Text,
        id -> Text,
        kind -> Text,
        subject -> Text,
        user_id -> Text,
        epoch -> Integer,
        fence -> BigInt,
        lease_expires_at -> crate::sql_types::Instant,
        created_at -> crate::sql_types::Instant,
        next_attempt_at -> crate::sql_types::Instant,
    }
}

diesel::joinable!(stripe_credentials -> projects (project_id));
diesel::allow_tables_to_appear_in_same_query!(projects, stripe_credentials);
