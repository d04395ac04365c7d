#!/bin/sh
# Save jobs and files while all of it runs:    deploy/backup.sh .env.prod /backups/monday
# Redis comes first: a job that is in the copy has its files, as these are never changed, and stay while it does.
set -eu
compose="docker compose --env-file $1"
mkdir -p "$2"
redis() { $compose exec -T redis redis-cli "$@"; }

# Its files may be copied as they are while Redis does not rewrite them.
redis config set auto-aof-rewrite-percentage 0 >/dev/null
trap 'redis config set auto-aof-rewrite-percentage 100 >/dev/null' EXIT
while redis info persistence | grep -q 'aof_rewrite_in_progress:1'; do sleep 1; done
$compose exec -T redis tar -C /data -cf - appendonlydir >"$2/redis.tar"
$compose exec -T app tar -C /data -cf - . >"$2/data.tar"
ls -l "$2"
