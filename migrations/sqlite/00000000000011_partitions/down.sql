-- Nothing was done.
select 1;
