"""The rules of CONTRIBUTING.md that a program can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "workbook").rglob("*.py"))
MAY_IMPORT = {
    "core": {"core"},
    "curation": {"core", "curation"},
    "models": {"core", "models"},
    "show": {"core", "curation", "show"},
    "checks": {"core", "curation", "models", "checks"},
    "course": {"core", "curation", "models", "show", "checks", "course"},
}
TOP = {"__init__", "__main__", "cli", "commands"}  # may import all
FORBIDDEN = ("IPython", "ipykernel", "jupyterlab", "matplotlib", "ipywidgets", "skimage", "tensorboard")
TESTED_ELSEWHERE = {
    "core/errors.py": "three class statements; every test of an error uses them",
    "curation/audit.py": "a verb of the command: tests/test_cli_audit.py",
    "commands/sample.py": "three lines: tests/test_cli.py",
    "commands/notebooks.py": "hands its options on: tests/test_cli.py",
}
LINES = 350
LONG: dict[str, int] = {}  # to be split by concept
MACHINE = re.compile(r"(?<![\w.$}<])/(?:home|root|Users|work)/[\w.-]+")


def imported(source, module):
    """Our modules that a source imports, at its head or within a function, by their full names."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: -node.level] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            names |= {whole} if whole != "workbook" else {f"workbook.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == "workbook"}


def wrong_imports(source, module):
    package = module.split(".")[1]
    if package in TOP:
        return set()
    allowed = MAY_IMPORT[package]
    return {n for n in imported(source, module) if "." not in n or n.split(".")[1] not in allowed}


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_run_one_way(path):
    wrong = wrong_imports(path.read_text(encoding="utf-8"), module_name(path))
    assert not wrong, f"{module_name(path)} imports {sorted(wrong)}; see the table in CONTRIBUTING.md"


@pytest.mark.parametrize(
    "source",
    [
        "import workbook.show.live",
        "from workbook.show import LiveView",
        "from workbook import show",
        "def f():\n    from workbook.curation.names import photographs",
        "from ..models import UNet",
    ],
)
def test_the_import_check_sees_each_form(source):
    assert wrong_imports(source, "workbook.core.trainer")
    assert not wrong_imports("from workbook.core.pairs import Pair\nimport torch", "workbook.core.trainer")


def test_core_brings_in_nothing_of_notebooks_or_pictures():
    # torchmetrics itself imports matplotlib where it is installed, so what the libraries bring is not ours.
    code = (
        "import sys, torch, torchvision, torchmetrics, accelerate\n"
        "theirs = set(sys.modules)\n"
        "import workbook, workbook.core as core\n"
        "for name in core.__all__: getattr(core, name)\n"
        f"print(*[name for name in {FORBIDDEN} if name in set(sys.modules) - theirs])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "\n"


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "core"], ids=module_name)
def test_core_names_none_of_them_at_its_head(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body  # not what is below TYPE_CHECKING or a function
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {a.name for n in imports if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in imports if isinstance(n, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in names} & set(FORBIDDEN)


@pytest.mark.parametrize("path", [p for p in MODULES if not p.stem.startswith("__")], ids=module_name)
def test_tests_mirror_the_library(path):
    inside = path.relative_to(ROOT / "workbook")
    test = ROOT / "tests" / inside.parent / f"test_{path.name}"
    excused = inside.as_posix() in TESTED_ELSEWHERE
    assert test.is_file() != excused, f"{inside}: needs {test.relative_to(ROOT)}, or a reason, not both"


def test_exceptions_are_still_needed():
    assert all((ROOT / "workbook" / path).is_file() for path in TESTED_ELSEWHERE)
    assert all((ROOT / path).is_file() for path in LONG)


@pytest.mark.parametrize("folder", ["workbook", "tests", "benchmarks"])
def test_files_are_short(folder):
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }
    too_long = {path: size for path, size in sizes.items() if size > LONG.get(path, LINES)}
    assert not too_long, f"split by concept: {too_long}"


def tracked_files():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in files if path.is_file() and path.suffix not in (".png", ".jpg", ".safetensors")]


def test_no_file_names_a_path_of_a_machine():
    found = {}
    for path in tracked_files():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":  # pictures are long lines of letters and slashes
            text = re.sub(r'"image/(png|jpeg)": "[^"]*"', "", text)
        if hits := MACHINE.findall(text):
            found[path.relative_to(ROOT).as_posix()] = sorted(set(hits))[:3]
    assert not found
