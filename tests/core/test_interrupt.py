import os
import signal
import threading

import pytest

from workbook.core.interrupt import interrupts_noted


def test_the_first_is_noted_the_second_interrupts_and_the_old_handler_comes_back():
    before = signal.getsignal(signal.SIGINT)
    with interrupts_noted() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_is_touched():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with interrupts_noted() as stop:
            seen.append((stop(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
