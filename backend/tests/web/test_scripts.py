"""A script is joined with the modules that it imports, and shares those that every page loads."""

from __future__ import annotations

import pytest

from taskdesk.web.scripts import join


def test_a_script_has_the_modules_that_it_imports_each_once_and_before_it_is_used():
    sources = {
        "page.js": 'import { one } from "./one.js";\nimport "./two.js";\none();\n',
        "one.js": 'import { two } from "./two.js";\nexport function one() {\n  two();\n}\n',
        "two.js": "export const two = 2; // a number\n",
    }

    joined = join("page.js", sources)

    assert [joined.index(part) for part in ("const $two", "const $one", "const $page")] == sorted(
        joined.index(part) for part in ("const $two", "const $one", "const $page")
    )
    assert joined.count("const $two") == 1
    assert "const { two } = $two;" in joined
    assert "import" not in joined
    assert "export" not in joined


def test_a_module_that_every_page_loads_is_not_copied():
    sources = {"page.js": 'import { about } from "./time.js";\nabout();\n', "time.js": "export const about = 1;\n"}

    assert join("page.js", sources).startswith('import * as $time from "./time.js";\n')
    assert join("time.js", sources) == sources["time.js"]


def test_a_script_that_is_loaded_when_it_is_used_still_exports():
    assert "export const { open } = $later;" in join("later.js", {"later.js": "export function open() {}\n"})


def test_comments_and_indentation_are_not_sent():
    joined = join("page.js", {"page.js": '// why\nif (true) {\n  // because\n  say("// this stays");\n}\n'})

    assert "why" not in joined
    assert "because" not in joined
    assert '\nsay("// this stays");\n' in joined


@pytest.mark.parametrize("line", ['import all from "./one.js";', "export default 1;", "export { one };"])
def test_an_import_that_cannot_be_joined_stops_the_start_and_is_named(line):
    with pytest.raises(ValueError, match=r"page\.js can't be joined"):
        join("page.js", {"page.js": f"{line}\n", "one.js": ""})
