drop index operations_by_next_attempt;
alter table operations drop column next_attempt_at;
