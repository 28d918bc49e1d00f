drop table preflight_origins;
drop table cors_origins;
