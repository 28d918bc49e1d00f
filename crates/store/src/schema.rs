//! The tables, as the migrations leave them.

diesel::table! {
    projects (id) {
        id -> Text,
        created_at -> crate::sql_types::Instant,
        disabled_at -> Nullable<crate::sql_types::Instant>,
        mode -> Text,
        stripe_account_id -> Nullable<Text>,
        account_shared -> SmallInt,
        revision -> BigInt,
        deletion_began_at -> Nullable<crate::sql_types::Instant>,
        deletion_due_at -> Nullable<crate::sql_types::Instant>,
        deleted_at -> Nullable<crate::sql_types::Instant>,
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
        data_key_version -> Nullable<Integer>,
    }
}

diesel::table! {
    master_keys (id) {
        id -> Text,
        check_value -> Text,
    }
}

diesel::table! {
    project_data_keys (project_id, version) {
        project_id -> Text,
        version -> Integer,
        wrapped -> Text,
        master_key_id -> Text,
        created_at -> crate::sql_types::Instant,
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

diesel::table! {
    api_keys (project_id, id) {
        project_id -> Text,
        id -> Text,
        hash -> Text,
        scopes -> Text,
        name -> Nullable<Text>,
        created_at -> crate::sql_types::Instant,
        expires_at -> Nullable<crate::sql_types::Instant>,
        revoked_at -> Nullable<crate::sql_types::Instant>,
        last_used_at -> Nullable<crate::sql_types::Instant>,
    }
}

diesel::table! {
    cors_origins (project_id, origin) {
        project_id -> Text,
        origin -> Text,
    }
}

diesel::table! {
    audit_events (project_id, id) {
        project_id -> Text,
        id -> Text,
        created_at -> crate::sql_types::Instant,
        caller_kind -> Text,
        subject -> Nullable<Text>,
        issuer -> Nullable<Text>,
        key_id -> Nullable<Text>,
        request_id -> Nullable<Text>,
        operation_id -> Nullable<Text>,
        action -> Text,
        object_type -> Nullable<Text>,
        object_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
        outcome -> Text,
        status -> Nullable<SmallInt>,
        code -> Nullable<Text>,
    }
}

diesel::table! {
    rate_limits (project_id, subject, kind) {
        project_id -> Text,
        subject -> Text,
        kind -> Text,
        full_at -> crate::sql_types::Instant,
    }
}

diesel::table! {
    installation_secrets (name) {
        name -> Text,
        value -> Text,
        created_at -> crate::sql_types::Instant,
    }
}

diesel::table! {
    instances (id) {
        id -> Text,
        started_at -> crate::sql_types::Instant,
        seen_at -> crate::sql_types::Instant,
    }
}

diesel::table! {
    refused_callers (id) {
        id -> Text,
        created_at -> crate::sql_types::Instant,
        request_id -> Nullable<Text>,
        action -> Nullable<Text>,
        reason -> Text,
        number -> BigInt,
    }
}

diesel::table! {
    preflight_origins (origin) {
        origin -> Text,
        projects -> Integer,
    }
}

diesel::joinable!(chores -> projects (project_id));
diesel::joinable!(operations -> projects (project_id));
diesel::joinable!(stripe_credentials -> projects (project_id));
diesel::joinable!(webhook_work -> projects (project_id));
diesel::allow_tables_to_appear_in_same_query!(chores, projects);
diesel::allow_tables_to_appear_in_same_query!(customers, payment_methods);
diesel::allow_tables_to_appear_in_same_query!(operations, projects);
diesel::allow_tables_to_appear_in_same_query!(project_data_keys, projects, stripe_credentials);
diesel::allow_tables_to_appear_in_same_query!(projects, webhook_work);
diesel::allow_tables_to_appear_in_same_query!(payment_methods, stripe_reads);
