"""What the autoscaler of the Helm chart asks, with the token that it has."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.test_helm_chart import ALL, environment, pods, render


@pytest.mark.slow
def test_what_keda_asks_the_web_answers_to_a_viewers_token(make_app, accounts):
    objects = render(ALL)
    hosts = environment(pods(objects)["taskdesk-web"])["TRUSTED_HOSTS"].split(",")
    client = make_app(trusted_hosts=tuple(hosts)).test_client()
    token = accounts.add_token("vic", "keda")
    for trigger in objects["ScaledObject", "taskdesk-worker-light"]["spec"]["triggers"]:
        address = urlsplit(trigger["metadata"]["url"])
        headers = {"Host": address.netloc, "Authorization": f"Bearer {token}"}

        answer = client.get(f"{address.path}?{address.query}", headers=headers)

        assert answer.json[trigger["metadata"]["valueLocation"]] == 0
        assert client.get(address.path, headers={"Host": address.netloc}).status_code == 401
