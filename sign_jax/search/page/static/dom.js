// Elements, times and requests: what all parts of the page use.

const SVG = "http://www.w3.org/2000/svg";

/** An element: properties by name, attributes with a dash or in SVG, then its children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Seconds as m:ss.s. */
export function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const rest = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  return `${Math.floor(tenths / 600)}:${rest}.${tenths % 10}`;
}

/** The address of a route with its parameters; those that are empty are left out. */
export function address(path, parameters) {
  const chosen = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null);
  return `${path}?${new URLSearchParams(chosen)}`;
}

/** The JSON values that a route gives; throws an Error with the server's sentence. */
export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The program behind this page does not answer: see whether it still runs.");
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(asSentence(content.error || `HTTP ${response.status}`));
  return content;
}

export function send(path, content) {
  return ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
}

/** A server's sentence with a capital and a full stop. */
export function asSentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
