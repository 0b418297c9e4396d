"""environment.yml and CI's Python versions follow pyproject.toml, which holds the one list."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")  # tomllib is not in Python 3.10
PYTHONS = re.search(r'^requires-python = "(.*)"$', PROJECT, re.MULTILINE).group(1)


def test_conda_gets_python_and_the_project():
    wanted = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert wanted == [f"python{PYTHONS}", "pip", {"pip": ["-e .[dev,teach]"]}]


def test_the_extras_exist():
    extras = PROJECT.split("[project.optional-dependencies]")[1].split("\n[")[0]
    assert set(re.findall(r"^(\w+) = \[", extras, re.MULTILINE)) >= {"dev", "teach"}


def workflow():
    text = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def bounds(*lists):
    """The requirements of these lists of pyproject.toml, without extras."""
    blocks = [
        re.search(rf"^{name} = \[(.*?)\]$", PROJECT, re.MULTILINE | re.DOTALL).group(1) for name in lists
    ]
    lines = [line for block in blocks for line in re.findall(r'^\s*"(.+?)",?$', block, re.MULTILINE)]
    return [re.sub(r"\[.*\]", "", line) for line in lines]


def test_ci_runs_the_oldest_and_the_newest_python():
    job = workflow()["jobs"]["test"]
    lowest, above = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PYTHONS).groups()
    oldest, newest = f"3.{lowest}", f"3.{int(above) - 1}"
    matrix = job["strategy"]["matrix"]
    assert matrix["python"] == [oldest, newest]
    assert matrix["versions"] == ["newest", "lowest"]
    assert matrix["exclude"] == [{"python": newest, "versions": "lowest"}]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]


def test_ci_meets_the_newest_releases_each_week():
    when = workflow()[True]  # YAML takes the key `on` for a truth value
    assert {"push", "pull_request", "schedule"} <= set(when)
    assert re.fullmatch(r"\d+ \d+ \* \* \d", when["schedule"][0]["cron"])


def test_the_lowest_versions_are_those_that_are_declared():
    lines = (ROOT / ".ci/lowest.txt").read_text(encoding="utf-8").splitlines()
    declared = bounds("dependencies", "dev") + re.findall(r'^teach = \["(.+)"\]$', PROJECT, re.MULTILINE)
    assert len(declared) > 20
    assert lines[1:] == sorted(line.replace(">=", "==") for line in declared)
    assert ".ci/lowest.txt" in workflow()["jobs"]["test"]["env"]["PIP_CONSTRAINT"]


def test_each_dependency_has_a_reason_above_it():
    lists = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)\n\]$", PROJECT, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in lists for line in block.splitlines()]
    bounds = [(above, line) for above, line in zip(["", *lines], lines, strict=False) if line[0] == '"']
    assert len(lists) == 2
    assert len(bounds) > 20
    assert [line for above, line in bounds if not above.startswith("#")] == []
