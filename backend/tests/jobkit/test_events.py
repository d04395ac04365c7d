"""What happens to a job while somebody watches."""

from __future__ import annotations

from jobkit.events import append_log, news_of, read_log


def test_a_piece_of_the_log_that_is_sent_again_is_there_once(redis):
    """Its answer was lost, and there is more by now."""
    append_log(redis, "job", "one\n", offset=0, ttl=60)

    size = append_log(redis, "job", "one\ntwo\n", offset=0, ttl=60)

    assert (size, read_log(redis, "job")) == (8, "one\ntwo\n")
    assert [event.data["text"] for event in news_of(redis, "job", "0-0")[1]] == ["one\n", "one\ntwo\n"]
