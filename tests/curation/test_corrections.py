import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbook.core.errors import DataError
from workbook.curation.corrections import ACTIONS, Correction, Plan, make_plan
from workbook.curation.faults import Fault, FaultReport
from workbook.curation.layouts import Layout


@pytest.fixture
def plan_of(tmp_path):
    layout = Layout("mani", tmp_path, tmp_path / "Tp", tmp_path / "Gt")

    def plan_of(*faults):
        image, mask = tmp_path / "Tp/a.png", tmp_path / "Gt/a_gt.png"
        report = FaultReport(
            layout, 1, 1, 1, [Fault(kind, image, mask, d, repair) for kind, d, repair in faults]
        )
        return [correction.action for correction in make_plan(report).corrections]

    return plan_of


ROTATE = ("size_mismatch", {"degrees": 90}, "rotate")
BINARISE = ("not_binary", {}, "binarise")


def test_coding_comes_before_size(plan_of):
    assert plan_of(ROTATE, BINARISE) == ["binarise", "rotate"]


def test_what_is_lost_needs_no_other_repair(plan_of):
    assert plan_of(ROTATE, ("unreadable", {}, "drop"), BINARISE) == ["drop"]


def test_what_is_authentic_needs_no_mask(plan_of):
    assert plan_of(BINARISE, ("empty_mask", {}, "treat_as_authentic")) == ["treat_as_authentic"]


def test_a_plan_survives_a_file(tmp_path):
    plan = Plan([Correction("rotate", "Tp/ü.png", "Gt/ü.png", {"degrees": 90}, "size_mismatch")], soft=True)
    assert Plan.load(plan.save(tmp_path / "x/plan.json")) == plan
    assert list((tmp_path / "x").iterdir()) == [tmp_path / "x/plan.json"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../a.png", "Tp/../../a.png", "C:/a.png", "Tp\\..\\a.png", "a\0b", "", 7]
)
@pytest.mark.parametrize("place", ["image", "mask", "to", "right_name", "right_mask"])
def test_a_path_that_leaves_the_dataset_is_refused(path, place):
    entry = {"action": "move", "image": "Tp/a.png", "mask": None, "parameters": {"to": "Tp/b.png"}}
    if place in entry:
        entry[place] = path
    else:
        entry["parameters"][place] = path
    with pytest.raises(DataError):
        Plan.from_json(json.dumps({"corrections": [entry]}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"corrections": 3}',
        '{"corrections": [3]}',
        '{"corrections": [{"action": "erase", "image": "a"}]}',
        '{"corrections": [{"action": "rotate", "image": "a"}]}',
        '{"corrections": [{"action": "drop"}]}',
        '{"corrections": [{"action": "drop", "image": "a", "colour": 1}]}',
        '{"corrections": [{"action": "rotate", "image": "a", "parameters": {"degrees": "x"}}]}',
        '{"corrections": [{"action": "shift", "image": "a", "parameters": {"rows": 1, "columns": 1e99}}]}',
        '{"corrections": [{"action": "flip", "image": "a", "parameters": {"axis": "diagonal"}}]}',
    ],
)
def test_what_is_no_plan_is_an_error_of_one_line(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(DataError, match=r"plan\.json") as caught:
        Plan.load(tmp_path / "plan.json")
    assert "\n" not in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["corrections", "action", "image", "parameters", "soft"]), inner
            )
        ),
    )
)
def test_any_json_is_a_plan_or_a_data_error(value):
    try:
        plan = Plan.from_json(json.dumps(value))
    except DataError:
        return
    assert all(correction.action in ACTIONS for correction in plan.corrections)
