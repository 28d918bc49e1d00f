#!/usr/bin/env bash
# Two roles and a database, as docs/operating.md has them: one role owns it and migrates it, the other is what instances work as.
# The image of PostgreSQL runs this once, when its directory is empty; .ci/topology.sh runs it too. The server is the one that psql finds.
set -euo pipefail
SECRETS=${SECRETS:-/run/secrets}
# psql reads the files itself: every process could read them in its arguments.
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<SQL
\set owner_password \`cat '$SECRETS/owner-password'\`
\set application_password \`cat '$SECRETS/application-password'\`
create role billfold_owner login password :'owner_password';
create role billfold login password :'application_password';
create database billfold owner billfold_owner;
SQL
