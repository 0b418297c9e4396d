from workbook.checks.verdict import NotDone, Passed, WrongAnswer


def test_jupyter_shows_the_message_and_nothing_of_the_check():
    assert NotDone("Exercise 1: not done yet.")._render_traceback_() == ["Exercise 1: not done yet."]
    assert WrongAnswer("Exercise 1: no.")._render_traceback_() == ["Exercise 1: no."]


def test_a_picture_is_shown(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    WrongAnswer("no", picture="picture")._render_traceback_()
    assert shown == ["picture"]


def test_one_input_is_one():
    assert repr(Passed("2.1", "a loss", 1)) == "Exercise 2.1, a loss: right, on one input."
