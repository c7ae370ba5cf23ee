// The card of a hit: picture, video, curve, and what the user says of it.

import { makeCurve } from "./curve.js";
import { address, asSentence, clock, make, send } from "./dom.js";
import { Player } from "./player.js";

/**
 * @param hit as the server tells it
 * @param query what notes are kept under
 * @param page {link, the address of this hit; say, function of (sentence, whether it is an error);
 *   alike, searches with this hit's clip}
 */
export function makeCard(hit, query, page) {
  return new Card(hit, query, page).build();
}

class Card {
  constructor(hit, query, page) {
    Object.assign(this, { hit, query, page, say: page.say });
    this.note = { verdict: null, start: null, end: null, ...hit.note };
    this.saved = { ...this.note };
    this.saving = Promise.resolve();
  }

  /** Begin and end in seconds, as they are corrected; null where they are not known. */
  span() {
    return [this.note.start ?? this.hit.start, this.note.end ?? this.hit.end];
  }

  build() {
    const { hit } = this;
    const title = `title-${hit.rank}`;
    this.curve = hit.curve ? makeCurve(hit, (seconds) => this.player?.seek(seconds)) : null;
    const words = hit.text || hit.name;
    const stage = this.stage(words); // first: what follows looks whether there is a video
    const info = make(
      "div", { class: "info" },
      make(
        "div", { class: "head" },
        make("span", { class: "rank", textContent: hit.rank, "aria-hidden": "true" }),
        make("h2", { id: title, textContent: words }),
        make("span", { class: "score" }, make("span", { textContent: "score " }),
          make("b", { textContent: hit.score.toFixed(4) })),
      ),
      this.facts(),
      ...(this.curve ? this.curve.elements : []),
      this.actions(),
      this.correction(),
    );
    const element = make(
      "article",
      { class: "card", tabIndex: 0, "aria-labelledby": title, "aria-describedby": `facts-${hit.rank}` },
      stage, info,
    );
    element.dataset.clip = hit.name;
    element.play = () => this.play();
    return make("li", {}, element);
  }

  facts() {
    const { hit } = this;
    const video = hit.source && hit.source !== hit.name ? hit.source : "";
    const name = hit.text ? hit.name : "";
    this.where = make("span", { class: "place" });
    this.showPlace();
    const signer = /signer/i.test(hit.signer) ? hit.signer : hit.signer && `signer ${hit.signer}`;
    const others = [name, video, hit.split, signer].filter(Boolean);
    const spans = others.map((text) => make("span", { textContent: text }));
    return make("p", { class: "facts", id: `facts-${hit.rank}` }, this.where, ...spans);
  }

  showPlace() {
    const [start, end] = this.span();
    const isKnown = start !== null && end !== null;
    this.where.textContent = isKnown ? `${clock(start)} to ${clock(end)}` : "place not known";
  }

  stage(words) {
    const { hit } = this;
    const middle = hit.start === null ? null : (hit.start + (hit.end ?? hit.start)) / 2;
    const poster = address("/api/poster", { clip: hit.name, at: middle });
    this.box = make("div", { class: "stage" });
    this.fault = make("p", { class: "fault", hidden: true });
    if (hit.fault) {
      this.tell(hit.fault);
      this.noPicture();
      return make("div", {}, this.box, this.fault);
    }
    this.video = make("video", {
      playsInline: true, preload: "none", poster, "aria-label": `Video: ${words}`,
    });
    this.video.addEventListener("click", () => this.toggle());
    this.box.append(this.video);
    this.player = new Player(this.video, hit, () => this.span(), {
      time: (seconds) => this.curve?.show(seconds),
      playing: (isPlaying) => this.showPlaying(isPlaying),
      preview: () => {
        this.below.hidden = true;
        this.tell("Browsers do not know this kind of video: here is a small film of the place.");
      },
      fault: (sentence) => {
        this.tell(sentence);
        this.picture(poster, words);
      },
    });
    this.below = make("div", { class: "below" },
      this.quietButton("Whole clip", () => this.player.playWhole()),
      this.quietButton("Full screen", () => this.video.requestFullscreen?.()));
    // The browser's own controls cover hands: they are for where there is room.
    this.video.addEventListener("fullscreenchange", () => {
      this.video.controls = document.fullscreenElement === this.video;
    });
    return make("div", {}, this.box, this.below, this.fault);
  }

  quietButton(textContent, press) {
    const button = make("button", { type: "button", class: "plain", textContent });
    button.addEventListener("click", press);
    return button;
  }

  /** A still in place of the video. */
  picture(poster, words) {
    const still = make("img", { src: poster, alt: `Still: ${words}`, loading: "lazy" });
    still.addEventListener("error", () => this.noPicture());
    this.box.replaceChildren(still);
    this.player = null;
    if (this.below) this.below.hidden = this.button.hidden = true;
  }

  /** The reason in the picture's place. */
  noPicture() {
    this.box.replaceChildren(make("p", { class: "none", textContent: this.fault.textContent }));
    this.fault.hidden = true;
  }

  tell(sentence) {
    this.fault.hidden = false;
    this.fault.textContent = asSentence(sentence);
  }

  actions() {
    this.button = make("button", { type: "button", class: "primary", textContent: "Play" });
    this.button.addEventListener("click", () => this.toggle());
    this.button.hidden = Boolean(this.hit.fault);
    this.marks = ["right", "wrong"].map((verdict) => {
      const mark = make("button", {
        type: "button", class: verdict === "wrong" ? "no" : "yes",
        textContent: verdict === "right" ? "Right" : "Wrong",
      });
      mark.addEventListener("click", () => this.mark(verdict));
      return [verdict, mark];
    });
    this.showMarks();
    const alike = make("button", {
      type: "button", textContent: "Similar", title: "Search with this clip",
    });
    alike.addEventListener("click", this.page.alike);
    const anchor = make("a", {
      class: "button link", href: this.page.link, textContent: "Link",
      "aria-label": `Link to hit ${this.hit.rank}`,
    });
    anchor.addEventListener("click", () => {
      navigator.clipboard?.writeText(anchor.href).then(() => this.say("The link is copied."));
    });
    return make("div", { class: "actions" }, this.button, ...this.marks.map(([, x]) => x),
      alike, anchor);
  }

  play() {
    if (this.player) this.player.play();
    else this.say(this.fault.textContent);
  }

  toggle() {
    if (!this.video.paused) this.player.hold();
    else if (this.player?.isHeld) this.player.start();
    else this.play();
  }

  showPlaying(isPlaying) {
    this.button.textContent = isPlaying ? "Stop" : "Play";
  }

  showMarks() {
    for (const [verdict, mark] of this.marks) {
      mark.setAttribute("aria-pressed", String(this.note.verdict === verdict));
    }
  }

  mark(verdict) {
    this.note.verdict = this.note.verdict === verdict ? null : verdict;
    this.showMarks();
    this.save();
  }

  correction() {
    const [begin, end] = this.span();
    this.fields = {};
    const row = (key, name, value) => {
      const id = `${key}-${this.hit.rank}`;
      const field = make("input", {
        id, type: "number", min: 0, step: 0.1, inputMode: "decimal",
        value: value === null ? "" : value.toFixed(2),
      });
      field.addEventListener("change", () => this.correct());
      this.fields[key] = field;
      const now = make("button", {
        type: "button", textContent: "Now", title: "Where the video is",
        "aria-label": `${name} where the video is now`,
      });
      now.addEventListener("click", () => {
        if (this.player) field.value = this.player.now.toFixed(2);
        this.correct();
      });
      const label = make("label", { htmlFor: id, textContent: `${name} (s)` });
      return make("div", {}, label, field, this.video ? now : null);
    };
    return make(
      "details", {},
      make("summary", { textContent: "Correct the place" }),
      make("div", { class: "times" }, row("start", "Begin", begin), row("end", "End", end)),
    );
  }

  correct() {
    const before = { ...this.note };
    for (const key of ["start", "end"]) {
      const value = this.fields[key].valueAsNumber;
      const isFound = Number.isNaN(value) || value.toFixed(2) === this.hit[key]?.toFixed(2);
      this.note[key] = isFound ? null : value;
    }
    const [begin, end] = this.span();
    if (begin !== null && end !== null && begin >= end) {
      this.note = before;
      this.showTimes();
      this.say("The end must lie behind the begin: nothing is changed.", true);
      return;
    }
    this.showPlace();
    this.save();
  }

  showTimes() {
    const [start, end] = this.span();
    for (const [key, value] of Object.entries({ start, end })) {
      this.fields[key].value = value === null ? "" : value.toFixed(2);
    }
    this.showPlace();
  }

  /** One after the other: of two quick changes the last one is to stay. */
  save() {
    const note = { ...this.note };
    this.saving = this.saving.then(() => this.write(note));
  }

  async write(note) {
    try {
      const { verdict, start, end } = note;
      const told = { query: this.query, clip: this.hit.name, verdict, start, end };
      await send("/api/notes", told);
      this.saved = note;
      this.say(`Hit ${this.hit.rank}: saved.`);
    } catch (error) {
      this.note = { ...this.saved };
      this.showMarks();
      this.showTimes();
      this.say(error.message, true);
    }
  }
}
