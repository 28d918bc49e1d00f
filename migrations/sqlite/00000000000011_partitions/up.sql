-- Nothing: SQLite has no partitions, and its file is moved as a whole. The number is taken all the same, so that both databases count
-- alike.
select 1;
