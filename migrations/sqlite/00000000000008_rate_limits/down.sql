drop table instances;
drop table rate_limits;
