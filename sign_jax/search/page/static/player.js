// Plays the place of a hit and stops at its end; one video at a time.

import { address } from "./dom.js";

const choices = { loop: false, slow: false };
let playing = null;

export function choose(name, value) {
  choices[name] = value;
  if (playing) playing.video.playbackRate = rate();
}

/** Stops what is playing; returns whether something was. */
export function stop() {
  if (!playing) return false;
  playing.video.pause();
  playing = null;
  return true;
}

/** Attaches the video of a hit: it is loaded when it is played first. */
export class Player {
  /**
   * @param video the element
   * @param hit as the server tells it
   * @param span function that gives [begin, end] as they are corrected, seconds or null
   * @param told {time(seconds), fault(sentence), playing(bool)}
   */
  constructor(video, hit, span, told) {
    // Where in the clip's video the film begins that is played: 0, but for previews.
    Object.assign(this, { video, hit, span, told, first: 0, isHeld: false });
    video.addEventListener("timeupdate", () => this.watch());
    video.addEventListener("play", () => this.begun());
    video.addEventListener("pause", () => told.playing(false));
    video.addEventListener("ended", () => choices.loop && this.isInPlace && this.play());
    video.addEventListener("error", () => this.failed());
    // Sound without a picture is what some browsers make of a kind that they do not know.
    video.addEventListener("loadedmetadata", () => video.videoWidth || this.failed());
  }

  /** From the first second of the place to its last one. */
  async play() {
    stop();
    const [begin, end] = this.span();
    this.load(begin);
    this.isInPlace = true;
    this.isHeld = false;
    this.now = begin ?? 0;
    await this.start();
  }

  /** Pauses; `start` goes on from there. */
  hold() {
    this.isHeld = true;
    this.video.pause();
  }

  /** The second of the clip's video that is shown. */
  get now() {
    return this.first + this.video.currentTime;
  }

  set now(seconds) {
    this.video.currentTime = Math.max(seconds - this.first, 0);
  }

  /** All of the clip's video, from its beginning. */
  async playWhole() {
    stop();
    this.load(null);
    this.isInPlace = false;
    this.now = 0;
    await this.start();
  }

  /** Goes to a second; from there it plays to the end of the place, or of the video elsewhere. */
  seek(seconds) {
    this.load(null);
    const [begin, end] = this.span();
    this.isInPlace = begin !== null && end !== null && begin <= seconds && seconds < end;
    this.isHeld = true;
    this.now = seconds;
    this.told.time(seconds);
  }

  load(begin) {
    if (this.isPreview) this.loadPreview();
    if (this.video.src) return;
    const fragment = begin === null ? "" : `#t=${begin}`;
    // Without an end: browsers would stop there for good.
    this.video.src = address("/api/video", { clip: this.hit.name }) + fragment;
  }

  /** A film of the place as it is corrected now. */
  loadPreview() {
    const [start, end] = this.span();
    const film = address("/api/preview", { clip: this.hit.name, start, end });
    if (film === this.film) return;
    Object.assign(this, { film, first: start });
    this.video.src = film;
  }

  async start() {
    try {
      await this.video.play();
    } catch {
      // Its event says what is wrong; a stop while it loads is none.
    }
  }

  begun() {
    if (playing && playing !== this) playing.video.pause();
    playing = this;
    this.video.playbackRate = rate();
    this.told.playing(true);
    this.follow();
  }

  /** Events alone come four times a second: too seldom for an end between two signs. */
  follow() {
    if (playing !== this || this.video.paused) return;
    this.watch();
    requestAnimationFrame(() => this.follow());
  }

  watch() {
    const [begin, end] = this.span();
    const { now } = this;
    this.told.time(now);
    if (!this.isInPlace || end === null || now < end || this.video.paused) return;
    if (choices.loop) {
      this.now = begin ?? 0;
    } else {
      this.isInPlace = false; // who goes on with the video's own button sees the rest
      this.video.pause();
      playing = playing === this ? null : playing;
    }
  }

  /** A browser that does not know the video's kind gets a film of the place in one that it does. */
  failed() {
    if (!this.video.src) return;
    if (playing === this) playing = null;
    const [start, end] = this.span();
    if (this.isPreview || start === null || end === null) {
      this.told.fault("This browser cannot play the video, which is of another kind or damaged.");
      return;
    }
    this.isPreview = true;
    this.loadPreview();
    this.told.preview();
    this.isInPlace = true;
    this.start();
  }
}

function rate() {
  return choices.slow ? 0.5 : 1;
}
