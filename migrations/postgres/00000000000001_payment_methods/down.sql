drop table operations;
drop table setup_intents;
drop table payment_methods;
drop table customers;
drop table stripe_credentials;
drop table projects;
