drop table refused_callers;
drop table audit_events;
drop function refuse_to_rewrite_history();
