-- The index of jobs: sorted sets of ids, from which lists and counts are read. It stands before each script.
--
-- taskdesk:jobs                    every job, by its number: the order of submitting
-- taskdesk:jobs:<queue>:<status>   by the same number; a job that was queued again has a new one here
-- taskdesk:task:<task>, taskdesk:tag:<tag>, taskdesk:owner:<owner>; their keys are in taskdesk:indexes
-- taskdesk:foreign:<queue>         jobs that were handed back (worker/lua/endings.lua), each as "<wanted> <since> <id>":
--                                  all scores are 0, so those that want the same follow each other, oldest first
--
-- A job that runs is in none of the second kind: rq:wip has it. A job that somebody submitted by RQ's own code has
-- no number (td_seq), and is in no index.

local WAKE = 'taskdesk:wake'
local SEQUENCE = 'taskdesk:sequence'
local NAMED = 'taskdesk:indexes'

local function index_key(queue, word)
  return 'taskdesk:jobs:' .. queue .. ':' .. word
end

local function owner_key(owner)
  return 'taskdesk:owner:' .. owner
end
