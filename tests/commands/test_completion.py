import shutil
import subprocess

import pytest

from workbook.cli import VERBS, main
from workbook.commands.completion import whole_parser


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("workbook ", set(VERBS)),
        ("workbook rob", {"robust"}),
        ("workbook train --accum", {"--accumulate"}),
        ("workbook test --all", {"--all-checkpoints"}),
        ("workbook train --fit ", {"resize", "pad"}),
    ],
)
def test_bash_completes(typed, expected, tmp_path, capsys):
    assert main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    words = typed.split(" ")
    listed = " ".join(f"'{word}'" for word in words)
    ask = (
        f"source ./script; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; "
        "_shtab_workbook workbook '' ''; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True, cwd=tmp_path)
    found = set(done.stdout.split())
    assert expected <= found
    assert len(words[-1]) == 0 or found == expected


def test_every_verb_has_its_options():
    text = whole_parser().format_help()
    assert all(verb in text for verb in VERBS)


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "workbook" in capsys.readouterr().out
