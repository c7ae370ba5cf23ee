"""The page in a real Chromium, by keyboard alone."""

import shutil
import time
import urllib.parse

import pytest

api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: apt-get install chromium"),
    # playwright leaves a socket to its own end.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip
PHONE = {"width": 360, "height": 740}
TEXT = "Good morning."
PLAYABLE = "morning"


@pytest.fixture(scope="module")
def chromium():
  with api.sync_playwright() as play:
    browser = play.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
    yield browser
    browser.close()


class Tab:
  """A page of the browser, and what it asked for and complained of."""

  def __init__(self, context, address):
    self.address, self.asked, self.complaints = address, [], []
    self.page = context.new_page()
    self.page.on("request", lambda request: self.asked.append(request.url))
    self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
    self.page.on("console", self._heard)

  def _heard(self, message):
    # What the server refuses is told on the page, and elsewhere tested.
    if message.type == "error" and "the server responded" not in message.text:
      self.complaints.append(message.text)

  def open(self, **state):
    self.page.goto(f"{self.address}#{urllib.parse.urlencode(state)}" if state else self.address)
    self.wait("document.querySelectorAll('#about dt').length > 0")

  def press(self, *keys):
    for key in keys:
      self.page.keyboard.press(key)

  def write(self, text):
    self.page.keyboard.type(text)

  def wait(self, condition):
    # Not `wait_for_function`: the page forbids to evaluate text, and that is what it does.
    end = time.monotonic() + 60
    while not self.page.evaluate(condition):
      assert time.monotonic() < end, condition
      self.page.wait_for_timeout(20)

  def wait_for_hits(self):
    self.wait("document.querySelectorAll('.card').length > 0 && "
              "document.getElementById('section').getAttribute('aria-busy') === 'false'")

  @property
  def focused(self):
    """The clip whose card has the focus, or the id of what has it."""
    return self.page.evaluate(
        "document.activeElement.dataset.clip || document.activeElement.id || "
        "document.activeElement.textContent"
    )

  @property
  def is_too_wide(self):
    return self.page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )


@pytest.fixture
def tab(chromium, page):
  """tab(options of a context) -> `Tab`; nothing may be asked of other hosts, or fail in it."""
  opened = []

  def start(**options):
    context = chromium.new_context(**options)
    opened.append((context, Tab(context, page.address)))
    return opened[-1][1]

  yield start
  for context, found in opened:
    context.close()
    assert found.asked and all(
        url.startswith((page.address, "blob:", "data:")) for url in found.asked
    )
    assert found.complaints == []


def test_a_walk_by_keyboard(tab):
  walk = tab(viewport={"width": 1100, "height": 800})
  walk.open()
  walk.press("Tab")
  walk.press("/")
  assert walk.focused == "text"
  walk.write(TEXT)
  walk.press("Enter")
  walk.wait_for_hits()
  assert "proved to be the best" in walk.page.inner_text("#status")
  names = walk.page.eval_on_selector_all(".card", "cards => cards.map(x => x.dataset.clip)")
  walk.press("ArrowDown")
  assert walk.focused == names[0]
  walk.press("j", "ArrowDown", "k")
  assert walk.focused == names[1]
  while walk.focused != PLAYABLE:
    walk.press("j" if names.index(walk.focused) < names.index(PLAYABLE) else "k")
  card = walk.page.locator(f'.card[data-clip="{PLAYABLE}"]')
  begin, end = _place(card)
  video = "document.activeElement.querySelector('video')"
  # Events, as a short place can begin and end between two looks.
  walk.page.evaluate(f"""() => {{
    window.seen = [];
    for (const name of ["playing", "pause"]) {{
      const video = {video};
      video.addEventListener(name, () => window.seen.push([name, video.currentTime]));
    }}
  }}""")
  walk.press("Enter")
  walk.wait(f"window.seen.some(([name, at]) => name === 'playing' && at >= {begin - 0.05})")
  walk.press("Escape")
  walk.wait("window.seen.at(-1)[0] === 'pause'")
  walk.page.evaluate("() => { window.seen = []; }")
  walk.press("Enter")
  walk.wait("window.seen.at(-1)?.[0] === 'pause'")  # it ends by itself
  assert walk.page.evaluate("window.seen.at(-1)[1]") >= end - 0.05
  walk.press("Tab")
  assert walk.focused == "Whole clip"
  while walk.focused != "Right":
    walk.press("Tab")
  walk.press("Space")
  walk.wait("document.getElementById('told').textContent.includes('saved')")
  while walk.focused != "Correct the place":
    walk.press("Tab")
  walk.press("Enter", "Tab")
  assert walk.focused.startswith("start-")
  walk.press("Control+a")
  walk.write("0.1")
  walk.press("Tab")
  walk.wait("document.activeElement.closest('.card').querySelector('.place')"
            ".textContent.startsWith('0:00.1')")
  address = walk.page.url
  assert f"hit={PLAYABLE}" in address
  # The address alone brings all of it back.
  again = tab()
  again.page.goto(address)
  again.wait_for_hits()
  again.wait(f"document.activeElement.dataset.clip === '{PLAYABLE}'")
  card = again.page.locator(f'.card[data-clip="{PLAYABLE}"]')
  assert _place(card)[0] == pytest.approx(0.1, abs=0.05)
  assert card.get_by_role("button", name="Right").get_attribute("aria-pressed") == "true"


def test_a_place_ends_behind_its_begin(tab, archive):
  walk = tab()
  walk.open(text=TEXT)
  walk.wait_for_hits()
  card = walk.page.locator(f'.card[data-clip="{PLAYABLE}"]')
  place = card.locator(".place").inner_text()
  card.locator("summary").click()
  field = card.get_by_label("Begin (s)")
  found = field.input_value()
  field.fill("50")
  field.press("Tab")
  walk.wait("document.getElementById('told').textContent.includes('nothing is changed')")
  assert (card.locator(".place").inner_text(), field.input_value()) == (place, found)
  assert not (archive / "archive.notes.jsonl").exists()
  # What cannot be saved is not shown as if it were.
  (archive / "archive.notes.jsonl").write_text("damaged\n")
  card.get_by_role("button", name="Right").click()
  walk.wait("document.getElementById('told').classList.contains('error') && "
            "document.getElementById('told').textContent.includes('Line 1 of')")
  assert card.get_by_role("button", name="Right").get_attribute("aria-pressed") == "false"


def test_letters_can_be_letters_only(tab):
  walk = tab()
  walk.open(text=TEXT)
  walk.wait_for_hits()
  walk.page.locator("#keys").uncheck()
  walk.page.reload()
  walk.wait_for_hits()
  assert not walk.page.locator("#keys").is_checked()
  card = walk.page.locator(".card").first
  card.focus()
  focused = walk.focused
  walk.press("j", "/")
  assert walk.focused == focused
  walk.press("ArrowDown")
  assert walk.focused != focused
  walk.page.locator("#keys").check()
  walk.press("/")
  assert walk.focused == "text"


def test_what_was_sought_is_played(tab):
  walk = tab()
  walk.open(text=TEXT)
  walk.wait_for_hits()
  card = walk.page.locator(f'.card[data-clip="{PLAYABLE}"]')
  video = f"document.querySelector('.card[data-clip=\"{PLAYABLE}\"] video')"
  box = card.locator("svg.curve").bounding_box()
  card.locator("svg.curve").click(position={"x": box["width"] * 0.9, "y": 5})
  walk.wait(f"{video}.currentTime > 0.8")
  walk.page.evaluate(f"""() => {{
    window.seen = [];
    {video}.addEventListener("timeupdate", () => window.seen.push({video}.currentTime));
    {video}.addEventListener("playing", () => window.seen.push("playing"));
  }}""")
  card.get_by_role("button", name="Play").click()
  walk.wait("window.seen.includes('playing') && typeof window.seen.at(-1) === 'number'")
  assert min(walk.page.evaluate("window.seen.filter((x) => x !== 'playing')")) > 0.8


def test_the_token_leaves_the_address(chromium, app, serve):
  page = serve(app, token=None)
  context = chromium.new_context()
  try:
    tab = context.new_page()
    tab.goto(page.place.address + "#text=Hello.")
    tab.locator(".card").first.wait_for()
    assert tab.url == f"{page.address}#text=Hello."
  finally:
    context.close()


def _place(card):
  """(begin, end) in seconds as a card says them."""
  clock = lambda text: 60 * int(text.split(":")[0]) + float(text.split(":")[1])
  begin, end = card.locator(".place").inner_text().split(" to ")
  return clock(begin), clock(end)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_both_schemes(tab, scheme):
  phone = tab(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
  phone.open(text=TEXT)
  phone.wait_for_hits()
  assert not phone.is_too_wide
  for summary in phone.page.locator("summary").all():
    summary.click()
  assert not phone.is_too_wide
  for low, pairs in _contrasts(phone.page).items():
    assert float(low) >= 4.5, pairs


def _contrasts(page):
  """{lowest contrast: its text} of the texts that are seen, by WCAG 2."""
  return page.evaluate("""() => {
    const channel = (x) => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) =>
      0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
    const ground = (element) => {
      for (let x = element; x; x = x.parentElement) {
        const found = numbers(getComputedStyle(x).backgroundColor);
        if (found.length === 3 || found[3] > 0) return found;
      }
      return [255, 255, 255];
    };
    let low = [Infinity, ""];
    for (const element of document.querySelectorAll("body *")) {
      const own = [...element.childNodes].some((x) => x.nodeType === 3 && x.data.trim());
      if (!own || !element.checkVisibility()) continue;
      const [a, b] = [numbers(getComputedStyle(element).color), ground(element)].map(light);
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < low[0]) low = [ratio, element.textContent.slice(0, 60)];
    }
    return { [low[0]]: low[1] };
  }""")


def test_readers_of_the_screen_are_told_what_is_there(tab):
  read = tab()
  read.open(text=TEXT)
  read.wait_for_hits()
  for role, name in (("search", "Archive"), ("searchbox", "What is signed?"),
                     ("region", "Results"), ("list", "Hits, best first")):
    assert read.page.get_by_role(role, name=name).count() == 1, role
  assert read.page.get_by_role("main").count() == read.page.get_by_role("contentinfo").count() == 1
  for region in read.page.get_by_role("status").all():
    assert region.get_attribute("aria-live") == "polite"
  nameless = read.page.evaluate("""() =>
    [...document.querySelectorAll("button, input, select, a, video, img, svg")].filter((x) =>
      !(x.labels?.length || x.getAttribute("aria-label") || x.textContent.trim() ||
        x.hasAttribute("alt"))).map((x) => x.outerHTML)""")
  assert nameless == []
  card = read.page.get_by_role("article", name="Good morning.")
  assert "the place is" in card.get_by_role("img").get_attribute("aria-label")


def test_a_clip_is_searched_with(tab):
  walk = tab()
  walk.open(text=TEXT)
  walk.wait_for_hits()
  walk.page.locator(f'.card[data-clip="{PLAYABLE}"]').get_by_role("button", name="Similar").click()
  walk.wait(f"document.getElementById('chip-name').textContent === 'Like {PLAYABLE}'")
  walk.wait(f"document.title.startsWith('like {PLAYABLE}')")
  names = walk.page.eval_on_selector_all(".card", "cards => cards.map(x => x.dataset.clip)")
  assert PLAYABLE not in names and f"like={PLAYABLE}" in walk.page.url
  weight = walk.page.get_by_role("slider", name="Weight of the sentence beside the video")
  assert not weight.is_visible()
  walk.page.get_by_role("searchbox").fill("snow")
  weight.press("ArrowRight")
  walk.wait(f"document.title.startsWith('snow + like {PLAYABLE}')")
  assert "text_weight=0.6" in walk.page.url
  walk.page.reload()
  walk.wait_for_hits()
  assert weight.input_value() == "0.6"
  walk.page.get_by_role("searchbox").fill("")
  walk.page.get_by_role("button", name="Remove").click()
  walk.wait("document.querySelectorAll('.card').length === 0")
  walk.page.get_by_text("Search with a video").click()
  assert "started without a sign encoder" in walk.page.inner_text("#panel")


def test_markup_of_strangers_is_text(tab):
  shown = tab()
  shown.open(text="<img src=x onerror=alert(1)> hello")
  shown.wait_for_hits()
  title = shown.page.locator('.card[data-clip="Grüße / 1 & <b>"] h2')
  assert title.inner_text() == "<b>Hello</b> & all."
  assert shown.page.locator(".card b").count() == shown.page.locator(".score b").count()


def test_what_cannot_be_shown_is_said(tab):
  shown = tab()
  shown.open(text=TEXT)
  shown.wait_for_hits()
  card = shown.page.locator('.card[data-clip="no file"]')
  card.locator(".none").wait_for()
  assert card.locator(".none").inner_text() == "There is no video 'missing' in media."
  assert card.locator("svg.curve").count() == 1 and card.locator("video").count() == 0
  # What the browser does not play is made a film of.
  shown.page.locator('.card[data-clip="pictures"]').focus()
  shown.press("Enter")
  shown.wait("document.querySelector('.card[data-clip=pictures] video').currentTime > 0.1")
  card = shown.page.locator('.card[data-clip="pictures"]')
  assert "a small film of the place" in card.locator(".fault").inner_text()
  shown.open(text=TEXT, signer="nobody")
  shown.wait("document.getElementById('status').classList.contains('error')")
  assert "no clips with signer 'nobody'" in shown.page.inner_text("#status")
