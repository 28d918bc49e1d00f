-- What is sealed cannot be opened in SQL, and is of no use to the version before: these projects need their keys anew.
delete from stripe_credentials where data_key_version is not null;
alter table stripe_credentials drop column data_key_version;
drop table project_data_keys;
drop table master_keys;
