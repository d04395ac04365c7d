#!/bin/sh
# Save jobs and files while all of it runs:    deploy/backup.sh .env.prod /backups/monday
# Redis comes first: a job that is in the copy has its files, as these are never changed, and stay while it does.
set -eu
umask 077 # it has all jobs, and the hashes of the passwords
compose="docker compose --env-file $1"
backup=$2
mkdir -p "$backup"
redis() { $compose exec -T redis redis-cli "$@"; }
save() { # the service whose /data it is, what of it. Status 1: a file grew meanwhile; what is there of it is whole
    $compose exec -T "$1" sh -c 'tar -C /data -cf - --warning=no-file-changed "$1" || test $? = 1' - "$2" >"$backup/$1.tar"
}

# Its files may be copied as they are while Redis does not rewrite them.
redis config set auto-aof-rewrite-percentage 0 >/dev/null
trap 'redis config set auto-aof-rewrite-percentage 100 >/dev/null' EXIT
while redis info persistence | grep -q 'aof_rewrite_in_progress:1'; do sleep 1; done
save redis appendonlydir
save app .
