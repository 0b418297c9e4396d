import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# The example as it stands trains for minutes; fewer passes of a thinner network use the very same calls.
SHRUNK = {"epochs=40": "epochs=1", "features=16, depth=3": "features=2, depth=1"}


def test_the_example_runs(tmp_path):
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) <= 13
    for written, run in SHRUNK.items():
        assert code.count(written) == 1
        code = code.replace(written, run)
    script = tmp_path / "example.py"
    script.write_text("import torch\ntorch.set_num_threads(1)\n" + code, encoding="utf-8")
    command = [sys.executable, script.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pixel_f1" in done.stdout


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert "CONTRIBUTING.md" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    written = set(re.findall(r"\bmake (lab|test|lint|notebooks|exercises|bench|help)\b", README))
    assert written >= {"lab", "test", "notebooks"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in written)


def test_every_notebook_is_in_the_table():
    names = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == names
