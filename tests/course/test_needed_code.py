import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbook.course.needed_code import defined_names, imports_and_definitions, needed, used_names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b, c as d\nfrom e import f as g, h", {"a", "d", "g", "h"}),
        ("def f(x):\n    y = 1\nclass C:\n    z = 2", {"f", "C"}),
        ("a, (b, *c) = d\nfor e in f: g = 1\nwith h as i: pass", {"a", "b", "c", "e", "g", "i"}),
        ("if (", set()),
    ],
)
def test_what_a_source_defines(source, names):
    assert defined_names(source) == names


def test_what_a_source_uses():
    assert used_names("def f(a=b):\n    c = d.e\n    return [g for g in h]") == {"b", "d", "g", "h"}
    assert used_names("if (np. torch") == {"if", "np", "torch"}  # no Python: every word


def test_imports_and_definitions_without_what_is_done():
    source = "import os\nx = os.getcwd()\ndef f(): pass\nclass C: pass\nprint(x)"
    assert imports_and_definitions(source) == ["import os", "def f():\n    pass", "class C:\n    pass"]
    assert imports_and_definitions(source, definitions=False) == ["import os"]
    assert imports_and_definitions("%matplotlib inline") == []


def test_what_is_needed_is_needed_in_turn():
    providers = ["import a", "import b", "def f(): return g() + a.x", "def g(): return b", "def h(): ..."]
    assert needed(["f()"], providers) == providers[:4]
    assert needed(["h"], providers) == ["def h(): ..."]
    assert needed(["len('a')"], ["def len(x): ...", "import a"]) == []
    assert needed(["1"], ["from a import *", "import b"]) == ["from a import *"]


# A lone surrogate, as JSON may hold it, and two that are nested too deep, each in another way.
@pytest.mark.parametrize("source", ["'\ud800'", "-" * 100_000 + "1", "1" + "+1" * 100_000])
def test_what_cannot_be_parsed_defines_nothing(source):
    assert defined_names(source) == set()


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=30))
def test_no_text_is_too_strange(text):
    assert isinstance(used_names(text) | defined_names(text), set)
    assert needed([text], [text, text]) in ([], [text, text])
