"""Write the descriptions of the settings into README.md, `.env` and `.env.prod.example`: `make docs`.

With --check it writes nothing, names each file that differs, and ends with status 1 if there is one.
"""

import re
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

from taskdesk.dashboard.settings import DashboardSettings
from taskdesk.service.settings import SharedSettings
from taskdesk.service.settings_help import SettingHelp, settings_help
from taskdesk.web.settings import WebSettings
from taskdesk.worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[1]
GROUPS = {
    "All programs": SharedSettings,
    "The web": WebSettings,
    "The worker": WorkerSettings,
    "rq-dashboard": DashboardSettings,
}


def main() -> int:
    groups = dict(_by_group())
    files = {
        "README.md": _readme(groups),
        ".env": _env_file(".env"),
        ".env.prod.example": _env_file(".env.prod.example"),
    }
    stale = [name for name, text in files.items() if text != (ROOT / name).read_text()]
    if "--check" in sys.argv:
        print("".join(f"{name} differs from the settings' descriptions: run `make docs`.\n" for name in stale), end="")
        return int(bool(stale))
    for name in stale:
        (ROOT / name).write_text(files[name])
        print(f"{name} is rewritten.")
    return 0


def _by_group() -> Iterable[tuple[str, list[SettingHelp]]]:
    """Each group with its settings: those that no group before it has."""
    seen: set[str] = set()
    for group, settings_class in GROUPS.items():
        yield group, [setting for setting in settings_help(settings_class) if setting.name not in seen]
        seen |= {name.upper() for name in settings_class.model_fields}


def _readme(groups: dict[str, list[SettingHelp]]) -> str:
    tables = "".join(
        f"\n**{group}**\n\n| setting | default | description |\n|---|---|---|\n{''.join(map(_row, settings))}"
        for group, settings in groups.items()
    )
    text = (ROOT / "README.md").read_text()
    return re.sub(
        r"(<!-- settings: written by `make docs` -->\n).*(?=<!-- end of settings -->)",
        lambda found: f"{found[1]}{tables}\n",
        text,
        flags=re.DOTALL,
    )


def _row(setting: SettingHelp) -> str:
    cells = (f"`{setting.name}`", setting.default.replace("|", "\\|"), setting.description.replace("|", "\\|"))
    return "| {} | {} | {} |\n".format(*cells).replace("|  |", "| |")


def _env_file(name: str) -> str:
    """The file with the description of each setting as the comment above its line; other lines stay."""
    settings = {setting.name: setting for group in GROUPS.values() for setting in settings_help(group)}

    def described(found: re.Match[str]) -> str:
        setting = settings.get(found[2])
        if not setting:
            return found[0]
        return (
            "\n".join(textwrap.wrap(setting.description, 118, initial_indent="# ", subsequent_indent="# "))
            + "\n"
            + found[2]
            + "="
        )

    return re.sub(r"((?:^# (?!---).*\n)*)^([A-Z_]+)=", described, (ROOT / name).read_text(), flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
