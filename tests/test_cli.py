import json
import subprocess
import sys

import pytest

from workbook.cli import VERBS, main


def run_python(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def test_help_lists_the_verbs_and_imports_nothing_heavy():
    code = (
        "import sys; from workbook.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'PIL', 'nbclient', 'pandas'} & set(sys.modules)\n"
        "sys.stderr.write(','.join(heavy))"
    )
    done = run_python("-c", code)
    assert done.stderr == ""
    assert all(verb in done.stdout for verb in VERBS)


def test_the_module_is_the_command(tmp_path):
    done = run_python("-m", "workbook", "audit", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert done.stderr.startswith("workbook audit: ")
    assert "nowhere: no such folder" in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    assert caught.value.code == 0
    assert f"workbook {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["nothing"], ["sample", "no-such-dataset"]])
def test_wrong_words_are_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: workbook" in capsys.readouterr().err


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
