import sys

import pytest
import torch

from workbook.core.errors import ModelError, WorkbookError
from workbook.core.jpeg_fields import jpeg_fields
from workbook.core.model_file import module_name
from workbook.core.post_funcs import add_fields, find_post_funcs, settled

FIELDS = """
from IMDLBenCo.registry import POSTFUNCS

@POSTFUNCS.register_module()
def own(sample):
    sample["runs"] = 1
"""


def test_fields_are_added_whether_set_or_returned():
    def sets(sample):
        sample["own"] = 1

    def returns(sample):
        return {"more": sample["own"] + 1}

    assert add_fields({"image": 0}, [sets, returns]) == {"image": 0, "own": 1, "more": 2}


def test_functions_are_found_by_name(tmp_path, monkeypatch):
    (tmp_path / "fields.py").write_text(FIELDS)
    monkeypatch.chdir(tmp_path)
    built_in, own, again, dotted = find_post_funcs(["jpeg", "fields.py:own", "fields.py:own", "torch:numel"])
    assert built_in is jpeg_fields
    assert own is again  # the file was run once
    assert add_fields({}, [own]) == {"runs": 1}
    assert dotted is torch.numel
    assert settled(["jpeg", "fields.py:own"]) == ["jpeg", f"{tmp_path / 'fields.py'}:own"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("jpg", "there is none of that name; there is jpeg"),
        ("torch:", "there is none"),
        (":f", "there is none"),
        ("no_such_package.at_all:f", "cannot be imported"),
        ("torch:no_such_function", "torch has no function no_such_function"),
        ("torch:__version__", "has no function __version__"),
    ],
)
def test_what_is_no_function_is_named(name, said):
    with pytest.raises(WorkbookError, match=said):
        find_post_funcs([name])


def test_a_file_that_fails_is_named_with_its_line(tmp_path):
    (tmp_path / "broken.py").write_text("\n1 / 0\n")
    with pytest.raises(ModelError, match=r"broken\.py: line 2: ZeroDivisionError"):
        find_post_funcs([f"{tmp_path / 'broken.py'}:f"])
    assert module_name(tmp_path / "broken.py") not in sys.modules
