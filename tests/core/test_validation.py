from workbook.core.run_folder import Progress
from workbook.core.validation import rank


def ranked(scores, **settings):
    progress = Progress()
    given = {"watch": "f1", "higher": True, "keep": 2} | settings
    marks = [rank(progress, {"epoch": e, "f1": s}, **given) for e, s in enumerate(scores, start=1)]
    return progress, marks


def test_the_best_is_the_first_of_the_highest():
    progress, marks = ranked([0.5, 0.7, 0.7, 0.6])
    assert marks == [(True, True), (True, True), (False, True), (False, False)]
    assert (progress.best, progress.best_epoch, progress.waited) == (0.7, 2, 2)
    assert progress.top == [[0.7, 2], [0.7, 3]]


def test_of_a_loss_it_is_the_lowest():
    progress, marks = ranked([0.5, 0.7, 0.4], higher=False)
    assert [best for best, _ in marks] == [True, False, True]
    assert progress.top == [[0.4, 3], [0.5, 1]]


def test_what_is_undefined_is_no_better_than_anything():
    progress, marks = ranked([float("nan"), 0.1, float("nan")])
    assert marks == [(False, False), (True, True), (False, False)]
    assert (progress.best, progress.waited) == (0.1, 1)


def test_without_an_average_nothing_is_listed():
    progress, marks = ranked([0.1, 0.2], keep=0)
    assert marks == [(True, False), (True, False)]
    assert progress.top == []
