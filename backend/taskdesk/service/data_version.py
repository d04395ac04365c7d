"""The version of the data in Redis: a program that is too old for them does not start.

Data of an older version are always read, and programs of two versions may run side by side. If a change ever makes
that impossible for older programs, it raises DATA_VERSION: the first program of the new version that starts writes the
number into Redis, and programs that know only a lower one refuse to start. Those that run must be stopped before.
"""

from __future__ import annotations

from redis import Redis

from taskdesk.service.key_prefix import KEY_PREFIX
from taskdesk.version import VERSION

DATA_VERSION = 1  # Redis names none until it is 2
DATA_VERSION_KEY = f"{KEY_PREFIX}:data-version"  # string: "<number> <version of Taskdesk that wrote it>"

_RAISE = """
local known = redis.call('GET', KEYS[1]) or '1'
if (tonumber(string.match(known, '^%d+')) or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])
end
return known
"""


def refusal_of_data(redis: Redis, number: int = DATA_VERSION, version: str = VERSION) -> str:
    """Return a sentence if the data need a newer program than this one; else write its number if it is higher.

    Raises RedisError.
    """
    answer = redis.eval(_RAISE, 1, DATA_VERSION_KEY, number, version)
    known, _, writer = answer.decode(errors="replace").partition(" ")
    if not known.isdecimal() or int(known) <= number:
        return ""
    return (
        f"The data in Redis are of Taskdesk {writer}, and this is {version}, which can't read them: upgrade this "
        "program, or give it a Redis, a database or an RQ_KEY_PREFIX of its own."
    )
