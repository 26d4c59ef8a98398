// A picture in space that can be turned: by mouse, by touch, or by the arrow keys.
// The static SVG stays in the page for print, and for whoever has no scripts. The points are those that the page's
// own example draws: the tests write them into points-data.js, and compare.
const SVG = "http://www.w3.org/2000/svg";
const HINT = "Drag to turn; or choose the picture and press the arrow keys. Home turns it back.";
const SIZE = 420; // of the picture, in its own units
const STEP = 8; // degrees for one press of a key

/**
 * @typedef {object} Space  What can be turned.
 * @property {string[]} axes
 * @property {[number, number, number, string][]} labels
 * @property {number[][]} limits
 * @property {[string, number, number[][]][]} lines  Colour, width, path.
 * @property {[number, number, number, string][]} points  With a colour.
 * @property {[number, number]} view
 */

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {Element} parent @param {T} name @param {Record<string, string | number>} attributes @param {string} [text]
 * @returns {SVGElementTagNameMap[T]}
 */
function shape(parent, name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

/**
 * Where a point of space is seen when the box is turned by `azimuth` and tilted by `elevation`: [right, up, near].
 * @param {number[]} point @param {number} azimuth @param {number} elevation
 */
function seen([x, y, z], azimuth, elevation) {
  const [a, e] = [(azimuth * Math.PI) / 180, (elevation * Math.PI) / 180];
  const towards = x * Math.cos(a) + y * Math.sin(a);
  const right = -x * Math.sin(a) + y * Math.cos(a);
  return [right, z * Math.cos(e) - towards * Math.sin(e), z * Math.sin(e) + towards * Math.cos(e)];
}

/**
 * A picture in space that can be turned, with what it says to who cannot see it.
 * @param {string} label
 * @param {Space} data
 */
function turnable(label, data) {
  let [elevation, azimuth] = data.view;
  const figure = document.createElement("figure");
  figure.className = "turnable";
  const picture = shape(figure, "svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, tabindex: 0, role: "img", "aria-label": `${label} ${HINT}` });
  const caption = document.createElement("figcaption");
  caption.textContent = HINT;
  caption.setAttribute("aria-hidden", "true"); // it is in the label already
  figure.append(caption);

  function draw() {
    const { limits } = data;
    picture.replaceChildren();
    /** @param {number[]} point */
    const place = (point) => {
      const scaled = point.map((value, k) => (2 * (value - limits[k][0])) / (limits[k][1] - limits[k][0]) - 1);
      const [right, up, near] = seen(scaled, azimuth, elevation);
      return { x: SIZE / 2 + right * SIZE * 0.27, y: SIZE / 2 - up * SIZE * 0.27, near };
    };
    /** @param {number[]} from @param {number[]} to @param {string} kind @param {Record<string, string | number>} [more] */
    const line = (from, to, kind, more = {}) => {
      const [p, q] = [place(from), place(to)];
      shape(picture, "line", { x1: p.x, y1: p.y, x2: q.x, y2: q.y, class: kind, ...more });
    };
    /** @param {number[]} bits */
    const corner = (bits) => limits.map((limit, k) => limit[bits[k]]);
    for (const k of [0, 1, 2]) {
      const [i, j] = [0, 1, 2].filter((axis) => axis !== k);
      for (const [u, v] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
        const [from, to] = [[0, 0, 0], [0, 0, 0]];
        from[i] = to[i] = u;
        from[j] = to[j] = v;
        to[k] = 1;
        line(corner(from), corner(to), "box");
      }
      const end = [0, 0, 0];
      end[k] = 1;
      const at = place(corner(end).map((value, axis) => (axis === k ? value + 0.12 * (limits[k][1] - limits[k][0]) : value)));
      shape(picture, "text", { x: at.x, y: at.y, class: "axis" }, data.axes[k]);
    }
    for (const [colour, width, path] of data.lines) {
      for (let k = 1; k < path.length; k += 1) line(path[k - 1], path[k], "path", { stroke: colour, "stroke-width": width });
    }
    const points = data.points.map(([x, y, z, colour]) => ({ ...place([x, y, z]), colour }));
    for (const point of points.sort((p, q) => p.near - q.near)) {
      shape(picture, "circle", { cx: point.x, cy: point.y, r: (data.points.length > 60 ? 2.5 : 5) * (1 + 0.15 * point.near), fill: point.colour });
    }
    for (const [x, y, z, word] of data.labels) {
      const at = place([x, y, z]);
      shape(picture, "text", { x: at.x + 8, y: at.y - 6 }, word);
    }
  }

  /** @param {number} right @param {number} up */
  function turn(right, up) {
    azimuth = (azimuth + right) % 360;
    elevation = Math.max(-90, Math.min(90, elevation + up));
    draw();
  }
  /** @type {Record<string, [number, number]>} */
  const keys = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Home") [elevation, azimuth] = data.view;
    else if (!(event.key in keys)) return;
    event.preventDefault();
    event.stopPropagation(); // elsewhere these keys go to another page
    turn(...(keys[event.key] || [0, 0]));
  });
  picture.addEventListener("pointerdown", (event) => picture.setPointerCapture(event.pointerId));
  picture.addEventListener("pointermove", (event) => {
    if (event.buttons) turn(-event.movementX * 0.6, event.movementY * 0.6);
  });
  draw();
  /** Draw something else, turned as it is now. @param {Space} other */
  const show = (other) => {
    data = other;
    draw();
  };
  return { figure, show };
}

document.addEventListener("DOMContentLoaded", () => {
  for (const image of document.querySelectorAll('.md-content img[src*="figures/"]')) {
    const data = POINTS[(image.getAttribute("src") || "").split("/").pop() || ""];
    if (!data) continue;
    image.classList.add("still");
    image.closest("p")?.after(turnable(image.getAttribute("alt") || "", data).figure);
  }
});
