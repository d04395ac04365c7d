#!/bin/sh
# Restore a backup of deploy/backup.sh into empty volumes:    deploy/restore.sh .env.prod /backups/monday
# Then start the stack as always.
set -eu
compose="docker compose --env-file $1"
[ -s "$2/redis.tar" ] && [ -s "$2/app.tar" ] || { echo "There is no backup in $2." >&2; exit 1; }
[ -z "$($compose ps -q)" ] || { echo "Stop the stack first: $compose down" >&2; exit 1; }

fill() { # fill SERVICE FILE: unpack a file into /data of a service
    $compose run --rm --no-deps -T --entrypoint sh "$1" -c \
        'test -z "$(ls -A /data)" || { echo "The volume is not empty." >&2; exit 1; }; tar -C /data -xf -' <"$2"
}
fill redis "$2/redis.tar"
fill app "$2/app.tar"
