drop table refused_callers;
drop table audit_events;
