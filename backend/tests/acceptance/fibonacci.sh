#!/usr/bin/env bash
# The client of tutorial 004, by curl and jq: start a job, ask for its status until it is done, print the result.
# usage: fibonacci.sh http://127.0.0.1:5000 4
set -euo pipefail

task_id=$(curl -s -X POST "$1/create" -d "{\"number\": \"$2\"}" -H "Content-Type: application/json" | jq -r '.data.task_id')

status=
while [ "$status" != "SUCCESS" ]; do
    status=$(curl -s "$1/status/$task_id" | jq -r '.status')
done
curl -s "$1/status/$task_id" | jq -c '.result'
