// The curve of a hit: which share of the score each moment of the clip carries.

import { clock, make, makeSvg } from "./dom.js";

const WIDTH = 100;
const HEIGHT = 40;

/**
 * {elements, show(seconds)}: the picture with its axis, and a mark where the video is.
 * @param hit as the server tells it
 * @param seek function of the second that is clicked on
 */
export function makeCurve(hit, seek) {
  const points = hit.curve;
  const first = points[0][0];
  const last = Math.max(...points.map(([, end]) => end));
  const x = (seconds) => (WIDTH * (seconds - first)) / Math.max(last - first, 1e-6);
  const values = points.map(([, , value]) => value);
  const low = Math.min(0, ...values);
  const high = Math.max(...values, low + 1e-9);
  const y = (value) => HEIGHT - (HEIGHT * (value - low)) / (high - low);

  const middles = points.map(([begin, end, value]) => [x((begin + end) / 2), y(value)]);
  const whole = [[0, middles[0][1]], ...middles, [WIDTH, middles[middles.length - 1][1]]];
  const line = whole.map(([a, b]) => `${a.toFixed(2)},${b.toFixed(2)}`).join(" L");
  const ground = y(0).toFixed(2);
  const edges = [hit.start, hit.end].map((at) =>
    makeSvg("line", { class: "edge", x1: x(at), x2: x(at), y1: 0, y2: HEIGHT }));
  const now = makeSvg("line", { class: "now", y1: 0, y2: HEIGHT, visibility: "hidden" });

  const picture = makeSvg(
    "svg",
    {
      class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
      "aria-label": `Share of the score over the clip, from ${clock(first)} to ${clock(last)}: ` +
        `highest at ${clock(peak(points))}; the place is ${clock(hit.start)} to ${clock(hit.end)}`,
    },
    makeSvg("rect", {
      class: "span", x: x(hit.start), width: Math.max(x(hit.end) - x(hit.start), 0.5), y: 0,
      height: HEIGHT,
    }),
    makeSvg("line", { class: "ground", x1: 0, x2: WIDTH, y1: ground, y2: ground }),
    makeSvg("path", { class: "area", d: `M0,${ground} L${line} L${WIDTH},${ground} Z` }),
    makeSvg("path", { class: "line", d: `M${line}` }),
    ...edges,
    now,
  );
  picture.addEventListener("click", (event) => {
    const { left, width } = picture.getBoundingClientRect();
    seek(first + ((last - first) * (event.clientX - left)) / width);
  });
  const axis = make(
    "div", { class: "axis", "aria-hidden": "true" },
    make("span", { textContent: clock(first) }), make("span", { textContent: clock(last) }),
  );
  return {
    elements: [picture, axis],
    show(seconds) {
      const at = x(seconds);
      const isInside = at >= 0 && at <= WIDTH;
      now.setAttribute("visibility", isInside ? "visible" : "hidden");
      if (isInside) {
        now.setAttribute("x1", at);
        now.setAttribute("x2", at);
      }
    },
  };
}

function peak(points) {
  const [begin, end] = points.reduce((best, point) => (point[2] > best[2] ? point : best));
  return (begin + end) / 2;
}
