// A video to search with: a file, or recorded here by the camera.

import { ask, asSentence, make } from "./dom.js";

const LONGEST = 20000; // milliseconds of a recording

/**
 * Fills the panel.
 * @param panel the element
 * @param fault why no video can be read, "" where one can
 * @param taken function of (name here, what to call it)
 * @param say function of (sentence, whether it is an error)
 */
export function fillPanel(panel, fault, taken, say) {
  if (fault) {
    panel.append(make("p", { class: "quiet", textContent: asSentence(fault) }));
    return;
  }
  const file = make("input", { type: "file", accept: "video/*", id: "file" });
  const record = make("button", { type: "button", textContent: "Record" });
  const preview = make("video", {
    class: "preview", muted: true, playsInline: true, hidden: true, "aria-label": "Your recording",
  });
  const read = async (blob, name) => {
    say("Reading the video …");
    try {
      const type = (blob.type || "video/mp4").split(";")[0];
      const headers = { "Content-Type": type.startsWith("video/") ? type : "video/mp4" };
      const found = await ask("/api/videos", { method: "POST", headers, body: blob });
      taken(found.video, `${name}, ${found.seconds.toFixed(1)} s`);
    } catch (error) {
      say(error.message, true);
    }
  };
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    await read(chosen, chosen.name);
    file.value = ""; // the same file can be chosen again
  });
  const recorder = new Recorder(record, preview, (blob) => read(blob, "recording"), say);
  record.addEventListener("click", () => recorder.press());
  panel.append(
    make("div", { class: "choose" },
      make("label", { htmlFor: "file", textContent: "A file" }), file, record),
    preview,
    make("p", { class: "quiet small", textContent:
      "It is read on this machine and not kept. A sign or a sentence is best, seen as in the archive." }),
  );
}

class Recorder {
  constructor(button, preview, done, say) {
    Object.assign(this, { button, preview, done, say, running: null });
  }

  press() {
    if (this.running) this.running.stop();
    else this.start();
  }

  async start() {
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
      this.say("This browser gives no camera to pages of other machines without HTTPS.", true);
      return;
    }
    let stream;
    this.button.disabled = true; // a second click would start another recorder
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: false });
    } catch (error) {
      this.say(`The camera cannot be used (${error.message}).`, true);
      return;
    } finally {
      this.button.disabled = false;
    }
    this.preview.srcObject = stream;
    this.preview.hidden = false;
    this.preview.play();
    const parts = [];
    this.running = new MediaRecorder(stream);
    this.running.addEventListener("dataavailable", (event) => parts.push(event.data));
    this.running.addEventListener("stop", () => {
      const { mimeType } = this.running;
      clearTimeout(this.end);
      this.running = null;
      for (const track of stream.getTracks()) track.stop();
      this.preview.srcObject = null;
      this.preview.hidden = true;
      this.button.textContent = "Record";
      this.done(new Blob(parts, { type: mimeType }));
    });
    this.running.start();
    this.end = setTimeout(() => this.running?.stop(), LONGEST);
    this.button.textContent = "Stop and search";
    this.say(`Recording, for at most ${LONGEST / 1000} seconds.`);
  }
}
