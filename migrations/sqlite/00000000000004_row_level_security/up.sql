-- Nothing: SQLite has no roles and no policies. Its file is one installation's, opened by that installation's own processes, so
-- there is nobody to hold to a policy; the queries' own filters are the wall. The number is taken all the same, so that both
-- databases count alike.
select 1;
