#!/bin/sh
# Save jobs and files while everything is running:    deploy/backup.sh .env.prod /backups/monday
# Redis comes first: files of jobs never change and live as long as their job, so every job in the copy has its files.
set -eu
umask 077 # a backup has all jobs, and the hashes of the passwords
compose="docker compose --env-file $1"
backup=$2
mkdir -p "$backup"
redis() { $compose exec -T redis redis-cli "$@"; }
save() { # save SERVICE PATH: save a path in /data of a service. tar ends with 1 if a file grew: the copy is still whole
    $compose exec -T "$1" sh -c 'tar -C /data -cf - --warning=no-file-changed "$1" || test $? = 1' - "$2" >"$backup/$1.tar"
}

# The files can be copied as long as Redis does not rewrite them.
redis config set auto-aof-rewrite-percentage 0 >/dev/null
trap 'redis config set auto-aof-rewrite-percentage 100 >/dev/null' EXIT
while redis info persistence | grep -q 'aof_rewrite_in_progress:1'; do sleep 1; done
save redis appendonlydir
save app .
