import json
import os
import re
import signal
import subprocess
import sys
import warnings

import pytest

from workbook.cli import VERBS, main
from workbook.core.errors import WorkbookError


def run_python(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def modules_after(*words):
    code = (
        "import sys; from workbook.cli import main\n"
        f"try: main({list(words)!r})\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    done = run_python("-c", code)
    return done.stdout, set(done.stderr.split())


def test_help_fits_a_screen_and_imports_nothing_heavy():
    said, modules = modules_after("--help")
    assert not {"torch", "numpy", "PIL", "jsonargparse", "pandas", "nbclient", "nbformat"} & modules
    assert "workbook" in modules
    assert all(f"\n  {verb} " in said for verb in VERBS)
    assert said.count("\n") <= 24
    assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_no_verb_imports_torch(verb):
    said, modules = modules_after(verb, "--help")
    assert "torch" not in modules
    assert f"usage: workbook {verb}" in said
    example = re.split(r"\nexamples?:\n", said)[1]
    assert f"  workbook {verb} " in example or f"  workbook {verb}\n" in example


@pytest.mark.parametrize(
    "words",
    [["doctor", "--nothing"], ["test", "--run"], ["predict"], ["sample", "nothing"], ["audit", "nowhere"]],
)
def test_wrong_words_are_seen_before_torch_is_imported(words):
    assert "torch" not in modules_after(*words)[1]


def test_the_module_is_the_command(tmp_path):
    done = run_python("-m", "workbook", "audit", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert done.stderr.startswith("workbook audit: ")
    assert "nowhere: no such folder" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "workbook: the following arguments are required: VERB; see workbook --help"),
        (["nothing"], "workbook: argument VERB: invalid choice: 'nothing'"),
        (["sample", "no-such-dataset"], "workbook sample: argument name: invalid choice: 'no-such-dataset'"),
        (["test", "--nothing"], "workbook test: the following arguments are required: --run"),
    ],
)
def test_wrong_words_are_2_and_one_line(words, said, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1


def test_sample_prints_the_folder(tmp_path, capsys):
    (tmp_path / "casia-mini").mkdir()  # is there already, so nothing is made
    assert main(["sample", "casia-mini", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'casia-mini'}\n"


def test_sample_into_a_file_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["sample", "casia-mini", str(tmp_path / "file")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("workbook sample: ")
    assert error.count("\n") == 1


def test_notebooks_hands_its_options_on(tmp_path, capsys, monkeypatch):
    import workbook.course.execute as execute

    calls = []
    monkeypatch.setattr(execute, "execute_notebooks", lambda *given, **named: calls.append(given) or {"a": 1})
    assert main(["notebooks", "nb", "--out", str(tmp_path), "--data", "d", "--store"]) == 0
    assert [tuple(map(str, call)) for call in calls] == [(str(tmp_path), "d", "True", "nb")]
    assert json.loads(capsys.readouterr().out) == {"a": 1}


@pytest.fixture
def failing(monkeypatch):
    """A verb that fails as it is told to."""

    def fail_with(error):
        def run(args):
            raise error

        monkeypatch.setitem(VERBS, "fail", ("Fails.", lambda parser: run))
        return lambda *more: main(["fail", *more])

    return fail_with


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (WorkbookError("a.png: is torn;\ngive another"), 2, "workbook fail: a.png: is torn; give another\n"),
        (KeyError("size"), 2, "workbook fail: KeyError: 'size'; --traceback shows where it arose\n"),
        (AssertionError(), 2, "workbook fail: AssertionError: without a word; --traceback shows where"),
        (
            PermissionError(13, "Permission denied", "/x/y"),
            2,
            "workbook fail: /x/y: Permission denied; check",
        ),
        (KeyboardInterrupt(), 130, "workbook fail: interrupted\n"),
    ],
)
def test_whatever_goes_wrong_is_one_line_unless_asked(failing, capsys, error, code, said):
    assert failing(error)() == code
    assert (shown := capsys.readouterr().err).startswith(said)
    assert shown.count("\n") == 1
    assert failing(error)("--traceback") == code
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last)")
    assert said.strip() in shown


def test_warnings_are_one_line(monkeypatch, capsys):
    def run(args):
        warnings.warn("b.png: left\nout", stacklevel=1)
        return 1

    monkeypatch.setitem(VERBS, "warn", ("Warns.", lambda parser: run))
    assert main(["warn"]) == 1
    assert capsys.readouterr().err == "workbook warn: b.png: left out\n"


@pytest.mark.parametrize("words", [["--help"], ["completion", "bash"]])
def test_a_reader_that_goes_away_is_no_error(words):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "workbook", *words],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},  # else argparse meets it, silently
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_the_version_is_that_of_the_package(capsys):
    import workbook

    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"workbook {workbook.__version__}\n"
