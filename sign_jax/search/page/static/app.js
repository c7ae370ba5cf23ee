// The page: the search, its address, the keyboard.

import { makeCard } from "./card.js";
import { address, ask, make } from "./dom.js";
import { choose, stop } from "./player.js";
import { fillPanel } from "./upload.js";

const at = (id) => document.getElementById(id);
const FILTERS = ["split", "signer", "source", "top"];
const DEFAULT_TOP = "10";
const DEFAULT_WEIGHT = "0.5"; // of a sentence beside a video
const PLACEHOLDER = at("text").placeholder;
const names = {}; // of videos that were taken in, as the user knows them
const example = { like: "", video: "" }; // a clip or a video to search with, beside the sentence
let silence = null;
let running = null;
let shown = null; // the search whose hits are on the page

/** The line above the hits: a sentence, or elements. */
function state(parts, isError = false) {
  at("status").replaceChildren(...[parts].flat());
  at("status").classList.toggle("error", isError);
}

/** A line at the bottom, for a while: what became of something that the user did. */
function say(sentence, isError = false) {
  at("told").textContent = sentence;
  at("told").classList.toggle("error", isError);
  clearTimeout(silence);
  silence = setTimeout(() => at("told").replaceChildren(), isError ? 20000 : 5000);
}

/** What the form asks for; "" for what is not chosen. */
function asked() {
  const found = { text: at("text").value.trim(), ...example };
  for (const name of FILTERS) found[name] = at(name).value.trim();
  if (found.top === DEFAULT_TOP) found.top = "";
  const weight = isWeighted() ? at("text_weight").value : DEFAULT_WEIGHT;
  if (weight !== DEFAULT_WEIGHT) found.text_weight = weight;
  return found;
}

/** Searches with a clip of the archive or a video, and without a sentence: one may be added. */
function searchWith(key, value) {
  at("text").value = "";
  Object.assign(example, { like: "", video: "", [key]: value });
  showExample();
  search();
  at("text").focus();
}

function dropExample() {
  Object.assign(example, { like: "", video: "" });
  showExample();
}

/** Whether a sentence and a video are searched for together. */
function isWeighted() {
  return Boolean(at("text").value.trim() && (example.like || example.video));
}

function showExample() {
  const { like, video } = example;
  at("chip").hidden = !like && !video;
  at("chip-name").textContent = like ? `Like ${like}` : `Video: ${names[video] ?? "of before"}`;
  at("text").placeholder = like || video ? "And a sentence, if you like" : PLACEHOLDER;
  at("balance").hidden = !isWeighted();
}

/** The address of a search, and of one of its hits. */
function hash(search, hit = "") {
  const pairs = Object.entries({ ...search, hit }).filter(([, value]) => value);
  return `#${new URLSearchParams(pairs)}`;
}

async function search(hit = "", isNew = true) {
  const wanted = asked();
  if (!wanted.text && !wanted.like && !wanted.video) return clear();
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  if (isNew) history.pushState(null, "", hash(wanted, hit));
  stop();
  state("Searching …");
  at("section").setAttribute("aria-busy", "true");
  try {
    const answer = await ask(address("/api/search", wanted), { signal });
    show(answer, wanted);
    shown = wanted;
    if (hit) focusOn(hit);
  } catch (error) {
    if (error.name === "AbortError") return;
    shown = null;
    at("results").replaceChildren();
    at("tools").hidden = true;
    state(error.message, true);
  }
  at("section").setAttribute("aria-busy", "false");
}

function clear() {
  running?.abort();
  at("section").setAttribute("aria-busy", "false");
  stop();
  shown = null;
  at("results").replaceChildren();
  at("tools").hidden = true;
  state("");
  document.title = "Search the archive";
}

function show(answer, wanted) {
  const cards = answer.hits.map((hit) =>
    makeCard(hit, answer.query, {
      link: hash(wanted, hit.name), say, alike: () => searchWith("like", hit.name),
    }));
  at("results").replaceChildren(...cards);
  at("tools").hidden = !cards.length;
  for (const link of document.querySelectorAll("[data-form]")) {
    link.href = address(`/api/export/${link.dataset.form}`, wanted);
  }
  document.title = `${answer.query} – Search the archive`;
  const [kind, words, details] = proof(answer);
  state([
    make("b", { textContent: `${cards.length} ${cards.length === 1 ? "hit" : "hits"}` }), " ",
    make("span", { class: `pill ${kind}`, textContent: words }), " ",
    make("span", { class: "quiet", textContent: details }),
  ]);
}

/** How complete the hits are: [class, in short, in detail]. */
function proof({ certified, clips, scored, may_miss: mayMiss }) {
  const exact = `${scored} of ${clips} clips were scored exactly`;
  if (certified) return ["sure", "proved to be the best", `${exact}.`];
  const rest = mayMiss === null ? "nothing is known of the others"
    : `others score at most ${mayMiss.toFixed(4)} more than the last hit`;
  return ["unsure", "not proved", `Time was up: ${exact}; ${rest}.`];
}

/** Fills the form from the address, and searches. */
function restore() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const name of ["text", ...FILTERS]) at(name).value = wanted.get(name) ?? "";
  for (const name of Object.keys(example)) example[name] = wanted.get(name) ?? "";
  at("text_weight").value = wanted.get("text_weight") ?? DEFAULT_WEIGHT;
  showExample();
  // A filter that is not listed, such as one of very many, is searched for all the same.
  for (const name of ["split", "signer", "top"]) {
    const value = wanted.get(name) ?? (name === "top" ? DEFAULT_TOP : "");
    if (![...at(name).options].some((option) => option.value === value)) {
      at(name).append(make("option", { value, textContent: value }));
    }
    at(name).value = value;
  }
  const hit = wanted.get("hit") ?? "";
  if (shown && hash(shown) === hash(asked())) return focusOn(hit);
  return search(hit, false);
}

const cards = () => [...document.querySelectorAll(".card")];

function focusOn(clip) {
  const card = cards().find((found) => found.dataset.clip === clip);
  card?.focus();
  card?.scrollIntoView({ block: "nearest" });
}

/** Focuses the next hit or the one before. */
function move(step) {
  const all = cards();
  if (!all.length) return;
  const now = all.indexOf(document.activeElement?.closest(".card"));
  if (now === 0 && step < 0) return void at("text").focus();
  const next = all[now < 0 ? 0 : Math.min(now + step, all.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", hash(shown, next.dataset.clip));
}

const KEYS = "sign_jax.keys"; // in the browser's memory: "off" where letters are no commands

/** What is spoken or pressed by chance can be a letter: those who need it switch these off. */
function fillKeys() {
  at("keys").checked = localStorage.getItem(KEYS) !== "off";
  at("keys").addEventListener("change", (event) => {
    localStorage.setItem(KEYS, event.target.checked ? "on" : "off");
  });
}

const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { target, key } = event;
  if (key === "Escape" && stop()) return;
  const isWritten = target.matches("input:not([type=checkbox]), select, textarea");
  if (target === at("text") && key === "ArrowDown") {
    event.preventDefault();
    move(1);
  } else if (isWritten || target.matches("video")) {
    return; // these have keys of their own
  } else if (key.length === 1 && !at("keys").checked) {
    return;
  } else if (key === "/") {
    event.preventDefault();
    at("text").focus();
    at("text").select();
  } else if (key in STEPS) {
    event.preventDefault();
    move(STEPS[key]);
  } else if (key === "Enter" && target.matches(".card")) {
    target.play();
  }
}

function fill(facts) {
  for (const name of ["split", "signer"]) {
    at(name).append(...facts.choices[name].map((x) => make("option", { value: x, textContent: x })));
    at(name).closest("label").hidden = !facts.choices[name].length;
  }
  at("sources").append(...facts.choices.source.map((value) => make("option", { value })));
  at("source").closest("label").hidden = !facts.choices.source.length;
  fillPanel(at("panel"), facts.no_uploads, (video, name) => {
    names[video] = name;
    searchWith("video", video);
  }, say);
  const videos = facts.videos && facts.videos !== facts.clips ? ` of ${facts.videos} videos` : "";
  at("archive").textContent = `${facts.clips} clips${videos} in ${facts.index}`;
  at("notes").textContent = facts.notes;
  const rows = {
    System: facts.system, Run: facts.run, Index: `${facts.index}, ${facts.clips} clips`,
    Videos: facts.media ?? "none: started without --media", Device: facts.device, JAX: facts.jax,
    "Time limit": facts.seconds === null ? "none" : `${facts.seconds} s a search`,
  };
  at("about").append(...Object.entries(rows).map(([name, value]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
}

async function begin() {
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  at("text").addEventListener("input", showExample);
  for (const name of [...FILTERS, "text_weight"]) {
    at(name).addEventListener("change", () => search());
  }
  for (const name of ["loop", "slow"]) {
    at(name).addEventListener("change", (event) => choose(name, event.target.checked));
  }
  at("drop").addEventListener("click", () => {
    dropExample();
    search();
    at("text").focus();
  });
  at("skip").addEventListener("click", (event) => {
    event.preventDefault();
    at("results").focus();
  });
  fillKeys();
  document.addEventListener("keydown", press);
  window.addEventListener("hashchange", restore);
  try {
    fill(await ask("/api/about"));
  } catch (error) {
    return state(error.message, true);
  }
  await restore();
  if (!location.hash) at("text").focus();
}

begin();
