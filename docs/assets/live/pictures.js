// Pictures beside the tables: who looks at whom, arrows in the plane, points in space (points.js turns them), and a map of
// many words. `shape` is that of points.js.
"use strict";

const LivePictures = (() => {
  const { shown } = LiveTables;

  /**
   * Arcs from one word to those that it looks at: the first head above the words, the second below.
   * @param {SVGElement} picture @param {HTMLElement[]} chips @param {number[][]} weights  A row of weights for each head. @param {number} focus
   * @returns {boolean} Whether there is room for them.
   */
  function drawArcs(picture, chips, weights, focus) {
    picture.replaceChildren();
    const [first] = chips;
    const together = chips.length > 1 && chips.every((chip) => chip.offsetTop === first.offsetTop) && weights.length <= 2;
    picture.parentElement?.classList.toggle("arched", together);
    if (!together || !chips[focus]) return false;
    const top = first.offsetTop;
    const bottom = top + first.offsetHeight;
    const middle = (/** @type {HTMLElement} */ chip) => chip.offsetLeft + chip.offsetWidth / 2;
    weights.forEach((row, head) => {
      const edge = head ? bottom : top;
      const way = head ? 1 : -1;
      row.forEach((weight, j) => {
        if (weight < 0.02) return;
        const [from, to] = [middle(chips[focus]), middle(chips[j])];
        const height = j === focus ? 26 : Math.min(52, 18 + Math.abs(from - to) * 0.16);
        const [a, b] = j === focus ? [from - 12, to + 12] : [from, to];
        const path = `M ${a} ${edge} C ${a} ${edge + way * height}, ${b} ${edge + way * height}, ${b} ${edge}`;
        shape(picture, "path", { d: path, class: `arc head-${head + 1}`, "stroke-width": 1 + 6 * weight, "stroke-opacity": 0.25 + 0.75 * weight });
        if (weight >= 0.05) shape(picture, "text", { x: j === focus ? to + 22 : to, y: edge + way * 9 + 4, class: "arc-label" }, shown(weight, 2).replace(/^0/, ""));
      });
    });
    return true;
  }

  /**
   * Keys as arrows in the plane, and the query of one word: the further a key reaches in its direction, the higher its score.
   * @param {SVGElement} picture @param {number[][]} keys @param {number[]} query @param {string[]} words @param {number} focus @param {boolean[]} mask
   */
  function drawPlane(picture, keys, query, words, focus, mask) {
    picture.replaceChildren();
    const size = 300;
    const reach = Math.max(1, ...keys.flat().map(Math.abs), ...query.map(Math.abs)) * 1.15;
    const at = (/** @type {number[]} */ [x, y]) => ({ x: size / 2 + (x / reach) * (size / 2 - 10), y: size / 2 - (y / reach) * (size / 2 - 10) });
    const zero = at([0, 0]);
    const high = Math.max(...keys.map(([, y]) => Math.abs(y)), Math.abs(query[1])) / reach; // no more of the plane than is needed
    const half = Math.max(60, high * (size / 2 - 10) + 24);
    picture.setAttribute("viewBox", `0 ${size / 2 - half} ${size} ${2 * half}`);
    shape(picture, "line", { x1: 0, y1: zero.y, x2: size, y2: zero.y, class: "axis-line" });
    shape(picture, "line", { x1: zero.x, y1: 0, x2: zero.x, y2: size, class: "axis-line" });
    const ends = keys.map((key, j) => ({ ...at(key), j })).filter(({ j }) => mask[j]);
    for (const { x, y } of ends) {
      shape(picture, "line", { x1: zero.x, y1: zero.y, x2: x, y2: y, class: "key" });
      shape(picture, "circle", { cx: x, cy: y, r: 3.5, class: "key-end" });
    }
    const tip = at(query);
    shape(picture, "line", { x1: zero.x, y1: zero.y, x2: tip.x, y2: tip.y, class: "query", "marker-end": "none" });
    shape(picture, "circle", { cx: tip.x, cy: tip.y, r: 5, class: "query-end" });
    const labels = [...ends.map(({ x, y, j }) => ({ x, y, text: words[j], kind: "label" })), { ...tip, text: `query of ${words[focus]}`, kind: "label query-label" }];
    /** @type {{x: number, y: number}[]} */
    const placed = [];
    for (const label of labels.sort((a, b) => a.y - b.y)) {
      let y = label.y - 6;
      while (placed.some((other) => Math.abs(other.y - y) < 13 && Math.abs(other.x - label.x) < 58)) y += 3;
      placed.push({ x: label.x, y });
      const anchor = label.x > size * 0.66 ? "end" : label.x < size * 0.34 ? "start" : "middle";
      shape(picture, "text", { x: label.x, y: Math.min(size / 2 + half - 4, Math.max(size / 2 - half + 12, y)), class: label.kind, "text-anchor": anchor }, label.text);
    }
  }

  /**
   * A map of attention for more words than numbers would fit. One point of the canvas is one pair of words.
   * @param {HTMLCanvasElement} canvas @param {number[][]} weights @param {number} focus
   */
  function drawMap(canvas, weights, focus) {
    const n = weights.length;
    canvas.width = canvas.height = n;
    const context = canvas.getContext("2d");
    if (!context) return;
    const image = context.createImageData(n, n);
    weights.forEach((row, i) => {
      const highest = Math.max(...row) || 1; // a row of 128 words has small shares: the largest of each row is dark
      row.forEach((weight, j) => {
        const k = 4 * (i * n + j);
        const strength = weight / highest;
        image.data[k] = i === focus ? 217 : 61;
        image.data[k + 1] = i === focus ? 102 : 133;
        image.data[k + 2] = i === focus ? 43 : 209;
        image.data[k + 3] = 255 * (i === focus ? 0.15 + 0.85 * strength : 0.9 * strength);
      });
    });
    context.putImageData(image, 0, 0);
  }

  /** The directions of chapters 3 and 7, in which four features that sum to 0 lose nothing. */
  const FOUR = [[1, -1, 0, 0], [-1, -1, 2, 0], [-1, -1, -1, 3]].map((row) => row.map((value) => value / Math.hypot(...row)));

  /**
   * What `turnable` of points.js draws: words as points in space.
   * @param {Table} rows @param {string[]} words @param {string[]} features @param {number} focus @param {number[]} [arrow]  From the middle to here. @returns {Space}
   */
  function space(rows, words, features, focus, arrow) {
    /** @returns {[number, number, number]} */
    const flat = (/** @type {number[]} */ row) => /** @type {[number, number, number]} */ (row.length === 4 ? FOUR.map((way) => way.reduce((sum, value, k) => sum + value * row[k], 0)) : row);
    const points = rows.map(flat);
    const end = arrow && flat(arrow);
    const reach = Math.max(0.1, ...points.flat().map(Math.abs), ...(end || []).map(Math.abs)) * 1.1;
    const named = features.length === 4 ? [`${features[1]} → ${features[0]}`, features[2], features[3]] : features;
    const many = words.length > 24;
    /** @type {[string, number, number[][]][]} */
    const lines = end ? [["#d9662b", 3, [[0, 0, 0], end]]] : [];
    return {
      axes: named,
      labels: points.map((point, i) => [...point, many && i !== focus ? "" : words[i]]),
      limits: [[-reach, reach], [-reach, reach], [-reach, reach]],
      lines,
      points: points.map((point, i) => [...point, i === focus ? "#d9662b" : "#3d85d1"]),
      view: [20, -60],
    };
  }

  return { drawArcs, drawPlane, drawMap, space };
})();
