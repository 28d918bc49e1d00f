drop table api_keys;
drop table installation_secrets;
