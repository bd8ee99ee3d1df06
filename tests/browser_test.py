#!/usr/bin/env python3
"""Opens the sample reports in a real browser: headless Chromium, at 1280 and 400 pixels, light, dark and on paper.

usage: browser_test.py RENDER_SAMPLE [DIRECTORY]

Exit status 0: all is well; 1: a fault, each named; 77: skipped, because there is no Chromium here. With DIRECTORY
the screenshots and the PDF stay there for people to look at.

A report contains no script and forbids any, so it is measured from outside: a page of the test's own shows it in a
frame of the wanted width (a browser window cannot be made narrower than 500 pixels) and writes down what it sees.
"""
import html
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77
REPORTS = ["small", "passing", "everything", "empty", "hostile", "large"]

WRAPPER = """<!DOCTYPE html><html style="color-scheme: light dark"><meta charset="utf-8"><body style="margin:0">
<iframe id="frame" style="border:0;display:block;width:%(width)dpx;height:%(height)dpx" srcdoc="%(report)s"></iframe>
<script>
addEventListener('load', () => {
  const page = document.getElementById('frame').contentDocument, wide = %(width)d;
  const within = element => element.closest('.scroll') && !element.matches('.scroll');
  const hidden = element => element.closest('.skip, thead');
  const outside = [...page.querySelectorAll('body *')].filter(e => !within(e) && !hidden(e)).filter(e => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && (box.right > wide + 0.5 || box.left < -0.5);
  }).map(e => e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + Math.round(e.getBoundingClientRect().right));
  const paper = getComputedStyle(page.body).backgroundColor.match(/[0-9]+/g).map(Number);
  const small = [...page.querySelectorAll('svg text, p, td, dd, dt, th')]
      .map(e => parseFloat(getComputedStyle(e).fontSize)).reduce((a, b) => Math.min(a, b), 99);
  const seen = {
    scroll_width: page.documentElement.scrollWidth, height: page.documentElement.scrollHeight, outside: outside.slice(0, 8),
    styled: getComputedStyle(page.querySelector('h1')).display === 'flex', dark: paper[0] < 64, smallest_font_px: small,
    scripts: page.querySelectorAll('script').length, pictures: page.querySelectorAll('svg[role=img]').length,
    unnamed: page.querySelectorAll('svg[role=img]:not([aria-label])').length,
    handlers: [...page.querySelectorAll('*')].filter(e => e.getAttributeNames().some(n => n.startsWith('on'))).length,
    images: page.querySelectorAll('img, iframe, object, embed, link, form').length,
    duplicate_ids: [...page.querySelectorAll('[id]')].length - new Set([...page.querySelectorAll('[id]')].map(e => e.id)).size,
    dead_links: [...page.querySelectorAll('a[href]')].filter(e => !page.getElementById(e.getAttribute('href').slice(1))).length,
    headings: [...page.querySelectorAll('h1')].length, text: page.body.textContent,
  };
  const note = document.createElement('pre');
  note.id = 'seen';
  note.textContent = JSON.stringify(seen);
  if (%(note)s) document.body.append(note);
});
</script></body></html>"""


class Browser:
    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0

    def run(self, page, *flags, dark=False):
        """Opens a file; returns what the browser wrote to stdout."""
        self.runs += 1
        command = [self.program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--disable-dev-shm-usage", "--hide-scrollbars",
                   f"--user-data-dir={self.folder}/profile{self.runs}",
                   "--blink-settings=preferredColorScheme=" + ("0" if dark else "1"), *flags, page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"chromium ended with {done.returncode}: {done.stderr[-800:]}")
        return done.stdout

    def wrapped(self, report, width, height, note):
        page = self.folder / f"wrapped-{report.stem}-{width}-{note}.html"
        page.write_text(WRAPPER % {"width": width, "height": height, "note": "true" if note else "false",
                                   "report": html.escape(report.read_text(encoding="utf-8"))}, encoding="utf-8")
        return page

    def look(self, report, width, dark=False):
        """What a person would see, as numbers."""
        dom = self.run(self.wrapped(report, width, 900, True), "--dump-dom", dark=dark)
        found = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
        if not found:
            raise RuntimeError(f"{report.name}: the page did not load in the frame")
        return json.loads(html.unescape(found.group(1)))

    def photograph(self, report, width, height, picture, dark=False):
        self.run(self.wrapped(report, width, height, False), f"--window-size={max(width, 500)},{height}",
                 f"--screenshot={picture}", dark=dark)


def colours_in_png(picture):
    """Size of the file's image, and whether it holds more than a blank page (a blank one compresses to nothing)."""
    data = picture.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise RuntimeError(f"{picture.name} is no PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height, len(data) > width * height / 100


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        print("skipped: no chromium here; install the package 'chromium'")
        return SKIPPED
    faults = []

    def expect(truth, what):
        if not truth:
            faults.append(what)
            print("FAULT " + what)

    with tempfile.TemporaryDirectory(prefix="assay-browser-") as temporary:
        folder = pathlib.Path(temporary)
        keep = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) == 3 else folder
        keep.mkdir(parents=True, exist_ok=True)
        subprocess.run([str(pathlib.Path(sys.argv[1]).resolve()), str(folder)], check=True)
        browser = Browser(program, folder)
        for name in REPORTS:
            report = folder / f"{name}.html"
            for width, dark in ((1280, False), (400, True)):
                seen = browser.look(report, width, dark)
                where = f"{name} at {width} px: "
                expect(seen["scroll_width"] <= width, where + f"the page is {seen['scroll_width']} px wide")
                expect(not seen["outside"], where + f"outside the page: {seen['outside']}")
                expect(seen["styled"], where + "the style sheet was not applied (is its hash right?)")
                expect(seen["dark"] == dark, where + "wrong colour scheme")
                expect(seen["smallest_font_px"] >= 11.5, where + f"letters of {seen['smallest_font_px']} px")
                expect(seen["scripts"] == 0 and seen["handlers"] == 0, where + "it contains a script")
                expect(seen["images"] == 0, where + "it refers to something outside itself")
                expect(seen["unnamed"] == 0, where + "a picture without a text alternative")
                expect(seen["duplicate_ids"] == 0, where + "two elements with one id")
                expect(seen["dead_links"] == 0, where + "a link that leads nowhere")
                expect(seen["headings"] == 1, where + "not exactly one main heading")
                if name == "everything":
                    for word in ("pass", "fail", "inconclusive", "invalid", "missing", "waived", "insufficient",
                                 "Fails: 2 of 9 mandatory clauses", "two one-sided 95 % bounds", "8,000 devices"):
                        expect(word in seen["text"], where + f"does not say '{word}'")
                    expect(seen["pictures"] >= 9, where + f"only {seen['pictures']} pictures")
                if name == "hostile":
                    expect("<script>alert(1)</script>" in seen["text"], where + "hostile text is not shown as text")
        # Planted: a page that is too wide and one that smuggles a script must be noticed by the same measure.
        planted = folder / "planted.html"
        planted.write_text((folder / "small.html").read_text(encoding="utf-8").replace(
            "<main>", '<main><pre class="x"><svg width="900" height="9"></svg></pre><script>1</script>'), encoding="utf-8")
        seen = browser.look(planted, 400)
        expect(seen["outside"] and seen["scripts"] == 1, "planted faults were not noticed")

        for name, width, height in (("everything", 1280, 1000), ("everything", 400, 1000), ("hostile", 400, 1000),
                                    ("small", 1280, 1000)):
            for dark in (False, True):
                picture = keep / f"{name}-{width}-{'dark' if dark else 'light'}.png"
                browser.photograph(folder / f"{name}.html", width, height, picture, dark)
                *_, something = colours_in_png(picture)
                expect(something, f"{picture.name} is blank")
        paper = keep / "everything.pdf"
        browser.run(folder / "everything.html", f"--print-to-pdf={paper}", "--no-pdf-header-footer", dark=True)
        expect(paper.read_bytes()[:5] == b"%PDF-" and paper.stat().st_size > 20000, "printing to PDF gave no document")
    print(f"{len(REPORTS)} reports, {browser.runs} pages opened, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
