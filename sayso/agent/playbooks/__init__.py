"""Playbooks: well-known requests, planned without a model."""

from sayso.agent.playbooks.file import Playbook, read_folder, read_playbook, read_shipped
from sayso.agent.playbooks.planner import PlaybookPlanner, load_playbooks

__all__ = [
    "Playbook",
    "PlaybookPlanner",
    "load_playbooks",
    "read_folder",
    "read_playbook",
    "read_shipped",
]
