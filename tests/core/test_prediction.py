import torch

from workbook.core import Pair, Prediction, Predictions


def predicted(values, label=None, **more):
    prob = torch.tensor([[values]])
    return Prediction(Pair("a.png"), torch.zeros(3, 1, len(values)), None, prob, label, **more)


def test_marked_is_what_lies_above_the_threshold():
    assert predicted([0.2, 0.5, 0.7]).marked.tolist() == [[[False, False, True]]]
    assert predicted([0.2, 0.5, 0.7], threshold=0.1).marked.tolist() == [[[True, True, True]]]


def test_the_score_is_the_label_or_else_the_highest_of_the_map():
    assert predicted([0.25, 0.75]).score == 0.75
    assert predicted([0.25, 0.75], label=0.0).score == 0.0


def test_many_know_what_is_missing():
    found = Predictions([predicted([1.0])], {"b.png": "torn"})
    assert (len(found), found.unreadable, Predictions().unreadable) == (1, {"b.png": "torn"}, {})
