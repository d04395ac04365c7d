"""The client for one's own application: submit jobs and follow them. It talks to Redis, as the command line does."""

from taskdesk.client.desk import Desk
from taskdesk.client.handle import JobHandle

__all__ = ["Desk", "JobHandle"]
