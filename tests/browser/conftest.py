"""A JupyterLab in a folder of its own, reached by this machine only, and a headless Chromium."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build/browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
UNSET = ("MPLBACKEND", "WORKBOOK_DATA", "WORKBOOK_PORTRAITS")  # the notebooks run on what is embedded
PATIENCE = int(os.environ.get("BROWSER_PATIENCE", "120"))  # seconds until a wait is given up
SETTINGS = {  # every cell is in the page, scrolled to or not; nothing asks, nothing calls home
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
}


class Lab:
    """A running JupyterLab; its files are those in `folder`."""

    def __init__(self, folder):
        self.folder, self.token = folder / "files", secrets.token_hex(16)
        self.folder.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        names = ("CONFIG", "DATA", "RUNTIME")
        environment = {k: v for k, v in os.environ.items() if k not in UNSET}
        environment |= {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in names}
        environment |= {
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTER_NO_CONFIG": "1",  # without the server's extensions, nbgrader's among them: twice as fast
            "JUPYTER_TOKEN": self.token,
            "CI": "1",
        }
        for name, settings in SETTINGS.items():
            file = folder / f"settings/{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        options = (
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--allow-root",
        )
        options += ("--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.folder}")
        self.log = folder / "lab.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=log
            )

    def wait(self, seconds=PATIENCE):
        end = time.monotonic() + seconds
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/status", headers={"Authorization": f"token {self.token}"}
        )
        while True:
            try:
                urllib.request.urlopen(request, timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}") from None
            time.sleep(0.2)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def write(self, name, cells):
        """A notebook of these cells, none of them run yet."""
        for cell in (cell for cell in cells if cell.cell_type == "code"):
            cell.outputs, cell.execution_count = [], None
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.folder / name)

    def read(self, name):
        return nbformat.read(self.folder / name, as_version=4)


class OpenNotebook:
    """A notebook in the browser."""

    def __init__(self, page, lab, name):
        self.page, self.lab, self.name = page, lab, name
        page.goto(f"http://127.0.0.1:{lab.port}/doc/tree/{name}?token={lab.token}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        # the menu runs nothing before there is a kernel, and one that is not connected yet hears nothing
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
        page.wait_for_function(
            """async ([sessions, name]) => (await (await fetch(sessions)).json()).some(
                each => each.path === name && each.kernel.connections > 0)""",
            arg=[f"/api/sessions?token={lab.token}", name],
        )
        page.wait_for_timeout(2000)

    def run_all(self, seconds=PATIENCE):
        """Run → Run All Cells, wait until no cell runs or is to run, save, and return what was saved."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        done = """() => {
            const cells = [...document.querySelectorAll('.jp-CodeCell')];
            const prompts = cells.map(cell => cell.querySelector('.jp-InputArea-prompt').textContent);
            const idle = document.querySelector('.jp-Notebook-ExecutionIndicator[data-status="idle"]');
            return idle && prompts.some(p => /\\d/.test(p)) && !prompts.some(p => p.includes('*'));
        }"""
        self.page.wait_for_function(done, timeout=seconds * 1000)
        return self.saved()

    def saved(self):
        before = (self.lab.folder / self.name).stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.locator(".jp-Notebook").first.click(position={"x": 3, "y": 3})
        self.page.keyboard.press("Control+s")
        end = time.monotonic() + PATIENCE
        while True:
            if (self.lab.folder / self.name).stat().st_mtime_ns != before:
                with contextlib.suppress(nbformat.reader.NotJSONError):  # it is being written
                    return self.lab.read(self.name)
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name}: was not saved")
            time.sleep(0.1)

    def panels(self):
        """The widgets of the workbook that are on the page."""
        return [ShownPanel(self.page, each) for each in self.page.locator(".workbook-panel").all()]

    def panel(self):
        self.page.locator(".workbook-panel img").first.wait_for()
        (panel,) = self.panels()
        return panel


class ShownPanel:
    """One widget on the page: its text and picture, and what a reader does to it."""

    def __init__(self, page, place):
        self.page, self.place = page, place

    @property
    def text(self):
        return self.place.locator('[role="status"]').inner_text()

    @property
    def picture(self):
        """The address of the picture, another one with each picture, once it is there to be seen."""
        self.page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=self._image)
        return self._image.get_attribute("src")

    @property
    def _image(self):
        return self.place.locator("img.widget-image").element_handle()

    def _handle(self, label):
        row = self.place.locator(".widget-hslider", has=self.page.locator(f'label:text-is("{label}")'))
        return row.locator(".noUi-handle")

    def press(self, label, key, times=1, **options):
        """Give the slider of that label the focus, and press a key; Home, End and Page keys are Lab's own."""
        self._handle(label).focus()
        self._change(lambda: [self.page.keyboard.press(key) for _ in range(times)], **options)

    def sliders(self):
        """From the labels of the sliders that can be moved to whether they can go on to the right."""
        found = {}
        for row in self.place.locator(".widget-hslider").all():
            handle = row.locator(".noUi-handle")
            now, low, high = (handle.get_attribute(f"aria-value{end}") for end in ("now", "min", "max"))
            if low != high:
                found[row.locator("label").inner_text()] = now != high
        return found

    def click(self, label):
        button = self.place.locator(f'button:has-text("{label}")')
        self._change(lambda: (button.focus(), self.page.keyboard.press("Enter")))

    def choose(self, label, option):
        row = self.place.locator(".widget-dropdown", has=self.page.locator(f'label:text-is("{label}")'))
        self._change(lambda: row.locator("select").select_option(option))

    def screenshot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.place.screenshot(path=SCREENSHOTS / f"{name}.png")

    def _change(self, act, picture=True):
        """Do something, and wait until the picture, or the text at least, is another one."""
        before = self.text, self.picture
        act()
        changed = """([place, text, src, picture]) => {
            const image = place.querySelector('img.widget-image');
            const now = place.querySelector('[role="status"]').innerText;
            const changed = image.src !== src || (!picture && now !== text);
            return changed && image.complete && image.naturalWidth > 0;
        }"""
        self.page.wait_for_function(changed, arg=[self.place.element_handle(), *before, picture])


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.wait()
        yield lab
    finally:
        lab.stop()


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def open_notebook(browser, lab):
    """Opens a notebook of the Lab by its name; what the page logged as errors fails the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield lambda name: OpenNotebook(page, lab, name)
    context.close()
    assert errors == []
