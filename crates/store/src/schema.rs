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
        webhook_secret -> Nullable<Text>,
        previous_webhook_secret -> Nullable<Text>,
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
        operation_id -> Nullable<Text>,
        customer_id -> Nullable<Text>,
        applied_read -> BigInt,
    }
}

diesel::table! {
    setup_intents (project_id, id) {
        project_id -> Text,
        id -> Text,
        user_id -> Text,
        created_at -> crate::sql_types::Instant,
        operation_id -> Nullable<Text>,
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
        step -> Nullable<Text>,
        attempts -> Integer,
    }
}

diesel::table! {
    idempotency_keys (project_id, route, key) {
        project_id -> Text,
        route -> Text,
        key -> Text,
        fingerprint -> Text,
        operation_id -> Text,
        fence -> BigInt,
        lease_expires_at -> crate::sql_types::Instant,
        created_at -> crate::sql_types::Instant,
        status -> Nullable<SmallInt>,
        location -> Nullable<Text>,
        body -> Nullable<Text>,
        setup_intent_id -> Nullable<Text>,
        secret_at -> Nullable<Integer>,
    }
}

diesel::table! {
    webhook_events (project_id, id) {
        project_id -> Text,
        id -> Text,
        #[sql_name = "type"]
        event_type -> Text,
        object_type -> Text,
        object_id -> Nullable<Text>,
        created_at -> crate::sql_types::Instant,
        received_at -> crate::sql_types::Instant,
    }
}

diesel::table! {
    webhook_work (project_id, object_type, object_id) {
        project_id -> Text,
        object_type -> Text,
        object_id -> Text,
        version -> BigInt,
        attempts -> Integer,
        next_attempt_at -> crate::sql_types::Instant,
        fence -> BigInt,
        lease_expires_at -> crate::sql_types::Instant,
        parked_at -> Nullable<crate::sql_types::Instant>,
    }
}

diesel::table! {
    stripe_reads (project_id) {
        project_id -> Text,
        last_read -> BigInt,
        next_call_at -> crate::sql_types::Instant,
    }
}

diesel::table! {
    chores (project_id, kind) {
        project_id -> Text,
        kind -> Text,
        next_run_at -> crate::sql_types::Instant,
        lease_expires_at -> crate::sql_types::Instant,
        fence -> BigInt,
    }
}

diesel::joinable!(chores -> projects (project_id));
diesel::joinable!(operations -> projects (project_id));
diesel::joinable!(stripe_credentials -> projects (project_id));
diesel::joinable!(webhook_work -> projects (project_id));
diesel::allow_tables_to_appear_in_same_query!(chores, projects);
diesel::allow_tables_to_appear_in_same_query!(customers, payment_methods);
diesel::allow_tables_to_appear_in_same_query!(operations, projects);
diesel::allow_tables_to_appear_in_same_query!(projects, stripe_credentials);
diesel::allow_tables_to_appear_in_same_query!(projects, webhook_work);
diesel::allow_tables_to_appear_in_same_query!(payment_methods, stripe_reads);
