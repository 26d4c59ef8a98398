// The stages of the machine, in the order of the book. Each is a section with its numbers; `update` shows the newest.
"use strict";

/** @typedef {{element: HTMLElement, update: (now: Now) => void}} Stage */
/**
 * @typedef {object} Now  What there is to show.
 * @property {Model} model
 * @property {Tables} kept  What the forward pass has made.
 * @property {Inputs} inputs
 * @property {string[]} words  Of the tokens that are read.
 * @property {number} focus  The token that is looked at.
 */
/** @typedef {Watcher & {level: number, heads: number[], redraw: () => void, probability: (weight: Place, value: number) => number}} Host */

const LiveStages = (() => {
  const { el, button, shown, NumberTable } = LiveTables;
  const { drawPlane, drawMap, space } = LivePictures;
  const { CHAPTERS } = LiveSums;
  const FEW = 14; // tokens whose map has room for numbers

  /** @param {string} name @param {number} row @param {number[]} values @returns {Cell[]} */
  const cells = (name, row, values) => values.map((value, column) => ({ value, place: { name, row, column } }));
  /** @param {Now} now @param {string} name @returns {Row[]} */
  const allWords = ({ kept, words, inputs }, name) =>
    words.map((word, i) => ({ header: word, token: i, cells: cells(name, i, kept[name][i]), dim: !inputs.attention_mask[i] }));
  const layerName = (/** @type {Now} */ { model }) => `bert.encoder.layers.${model.config.n_layers - 1}`;

  /** A section under a heading, with a way to its chapter. @param {Host} host @param {string} title @param {string} about @param {keyof typeof CHAPTERS} chapter */
  function section(host, title, about, chapter) {
    const number = Number(CHAPTERS[chapter].slice(0, 2));
    const link = el("a", { href: Live.base + `${CHAPTERS[chapter]}.html`, class: "live-chapter" }, `Chapter ${number}`);
    return el("section", { class: "live-stage" }, el("div", { class: "live-head" }, el(/** @type {"h2"} */ (`h${host.level}`), { class: "live-title" }, title), link), el("p", { class: "live-about" }, about));
  }

  /** Tables of weights, made when somebody opens them. @param {Host} host @param {(now: Now) => [string, string[], string[], Row[]][]} list */
  function weightsFold(host, list) {
    const place = el("div", { class: "live-tables" });
    const fold = el("details", { class: "live-fold" }, el("summary", {}, "The weights of this step"), place);
    /** @type {InstanceType<typeof NumberTable>[]} */
    let tables = [];
    let key = "";
    fold.addEventListener("toggle", () => host.redraw());
    const update = (/** @type {Now} */ now) => {
      if (!fold.open) return;
      const wanted = list(now);
      const shape = JSON.stringify(wanted.map(([caption, columns]) => [caption, columns]));
      if (shape !== key) {
        key = shape;
        tables = wanted.map(([caption, columns]) => new NumberTable(host, { caption, columns, digits: 2, scale: 4 }));
        place.replaceChildren(...tables.map((table) => table.element));
      }
      wanted.forEach(([, , , rows], i) => tables[i].update(rows));
    };
    return { fold, update };
  }

  /** A linear layer as a table: a row for each feature that comes out, and the bias behind it. @param {Tables} w @param {string} name @param {string[]} inward @param {string[]} outward @param {number[]} [only] @returns {[string, string[], string[], Row[]]} */
  function linearTable(w, name, inward, outward, only) {
    const rows = (only || outward.map((_, k) => k)).map((row) => ({
      header: outward[row],
      cells: [
        ...w[`${name}.weight`][row].map((value, column) => ({ value, weight: { name: `${name}.weight`, row, column } })),
        { value: w[`${name}.bias`][0][row], weight: { name: `${name}.bias`, row: 0, column: row } },
      ],
    }));
    return [name.replace("bert.encoder.", ""), [...inward, "bias"], outward, rows];
  }

  /** A row of the gain of a LayerNorm, and one of its bias. @param {Tables} w @param {string} name @param {string[]} features @returns {[string, string[], string[], Row[]]} */
  function normTable(w, name, features) {
    const rows = ["weight", "bias"].map((part) => ({
      header: part === "weight" ? "gain" : "bias",
      cells: w[`${name}.${part}`][0].map((value, column) => ({ value, weight: { name: `${name}.${part}`, row: 0, column } })),
    }));
    return [name.replace("bert.encoder.", ""), features, [], rows];
  }

  /** Chapter 3: three rows and their sum. @param {Host} host @param {Model} model @returns {Stage} */
  function embeddings(host, model) {
    const element = section(host, "Three rows, one sum", "Each word is a row of a table. The row of its place and that of its segment are added, and LayerNorm brings the sum to a common size.", "embeddings");
    const one = new NumberTable(host, { caption: "", columns: model.features, digits: 3 });
    const all = new NumberTable(host, { caption: "What the model reads: x", columns: model.features });
    const weights = weightsFold(host, ({ model: { weights: w, features }, words, inputs }) => {
      const table = (/** @type {string} */ name, /** @type {[string, number][]} */ rows) =>
        /** @type {[string, string[], string[], Row[]]} */ ([name, features, [], rows.map(([header, row]) => ({ header, cells: w[name][row].map((value, column) => ({ value, weight: { name, row, column } })) }))]);
      const known = new Map(words.map((word, i) => [inputs.input_ids[i], word]));
      return [
        table("bert.embedding.words.weight", [...known].map(([id, word]) => [word, id])),
        table("bert.embedding.positions.weight", inputs.position_ids.map((place) => [`place ${place}`, place])),
        table("bert.embedding.segments.weight", [["segment 0", 0]]),
        normTable(w, "bert.embedding.norm", features),
      ];
    });
    element.append(el("div", { class: "live-pair" }, one.element, all.element), weights.fold);
    const update = (/** @type {Now} */ now) => {
      const { kept, words, inputs, focus } = now;
      const parts = /** @type {[string, string][]} */ ([
        ["words", `word ${inputs.input_ids[focus]}`], ["positions", `+ place ${inputs.position_ids[focus]}`],
        ["segments", "+ segment 0"], ["sum", "= sum"],
      ]);
      one.caption.textContent = `“${words[focus]}”, from its id to x`;
      one.update([
        ...parts.map(([part, header]) => ({ header, cells: cells(`bert.embedding.${part}`, focus, kept[`bert.embedding.${part}`][focus]), strong: part === "sum" })),
        { header: "norm: x", cells: cells("bert.embedding", focus, kept["bert.embedding"][focus]), strong: true },
      ]);
      all.update(allWords(now, "bert.embedding"), focus);
      weights.update(now);
    };
    return { element, update };
  }

  /** Chapters 3 and 7: words as points. @param {Host} host @param {Model} model @returns {Stage} */
  function points(host, model) {
    const four = model.features.length === 4;
    const about = four
      ? "Four features that sum to 0 are a point in space, and none of them is lost: after LayerNorm each word lies on a sphere. Turn it."
      : "Three features are a point in space; after LayerNorm each word lies on a circle, as chapter 7 shows. Turn it.";
    const element = section(host, "Points in space", about, "embeddings");
    const ways = /** @type {[string, (now: Now) => string][]} */ ([
      ["after LayerNorm", () => "bert.embedding"],
      ["after attention", (now) => `${layerName(now)}.attention_norm`],
      ["after the layer", (now) => `${layerName(now)}.feed_forward_norm`],
    ]);
    if (!four) ways.unshift(["the sum", () => "bert.embedding.sum"]);
    let chosen = 0;
    const buttons = ways.map(([name], k) => button(name, () => {
      chosen = k;
      host.redraw();
    }));
    const empty = { axes: ["", "", ""], labels: [], limits: [[-1, 1], [-1, 1], [-1, 1]], lines: [], points: [], view: /** @type {[number, number]} */ ([20, -60]) };
    const picture = turnable("The words as points in space. Their numbers are in the table beside it.", empty);
    const table = new NumberTable(host, { caption: "", columns: model.features });
    element.append(el("div", { class: "live-choice", role: "group", "aria-label": "When" }, ...buttons), el("div", { class: "live-pair" }, picture.figure, table.element));
    const update = (/** @type {Now} */ now) => {
      const name = ways[chosen][1](now);
      buttons.forEach((one, k) => one.setAttribute("aria-pressed", String(k === chosen)));
      picture.show(space(now.kept[name], now.words, model.features, now.focus));
      table.caption.textContent = `Their numbers: ${ways[chosen][0]}`;
      table.update(allWords(now, name), now.focus);
    };
    return { element, update };
  }

  /** Chapter 4: query, key, value of one head. @param {Host} host @param {Model} model @returns {Stage} */
  function queryKeyValue(host, model) {
    const element = section(host, "Query, key, value", "Of its row each word makes a question, a label and a content, in each head anew. Where a question fits a label, the product of the two is large.", "attention");
    const size = model.config.n_embed / model.config.n_heads;
    const numbers = [...Array(size).keys()].map((k) => String(k + 1));
    const heads = host.heads.map((head) => {
      const table = new NumberTable(host, {
        caption: `Head ${head + 1}`, columns: [...numbers, ...numbers, ...numbers], digits: 2, scale: 4, groups: [["query", size], ["key", size], ["value", size]],
      });
      const plane = size === 2 ? shape(el("div"), "svg", { viewBox: "0 0 300 300", class: "live-plane", role: "img", "aria-label": "" }) : null;
      const turned = size === 3 ? turnable("The keys as points in space, and the query of one word as a line. Their numbers are in the table beside it.", space([[0, 0, 0]], [""], ["1", "2", "3"], 0)) : null;
      element.append(el("div", { class: "live-pair" }, table.element, ...(plane ? [plane] : turned ? [turned.figure] : [])));
      return { head, table, plane, turned };
    });
    const weights = weightsFold(host, (now) =>
      heads.flatMap(({ head }) => ["query", "key", "value"].map((part) => linearTable(now.model.weights, `${layerName(now)}.attention.heads.${head}.${part}`, now.model.features, numbers.map((k) => `${part} ${k}`)))));
    element.append(weights.fold);
    const update = (/** @type {Now} */ now) => {
      const { kept, words, focus, inputs } = now;
      for (const { head, table, plane, turned } of heads) {
        const name = `${layerName(now)}.attention.heads.${head}`;
        table.update(words.map((word, i) => ({
          header: word, token: i, dim: !inputs.attention_mask[i], cells: ["query", "key", "value"].flatMap((part) => cells(`${name}.${part}`, i, kept[`${name}.${part}`][i])),
        })), focus);
        if (plane) {
          plane.setAttribute("aria-label", `Head ${head + 1}: the keys of all words as arrows in the plane, and the query of “${words[focus]}”. The numbers are in the table beside it.`);
          drawPlane(plane, kept[`${name}.key`], kept[`${name}.query`][focus], words, focus, inputs.attention_mask);
        }
        if (turned) turned.show(space(kept[`${name}.key`], words, ["1", "2", "3"], -1, kept[`${name}.query`][focus]));
      }
      weights.update(now);
    };
    return { element, update };
  }

  /** Say where a word looks most, in each head. @param {HTMLElement} place @param {Now} now @param {number[]} heads */
  function tellLooks(place, now, heads) {
    const { kept, words, focus } = now;
    place.replaceChildren(el("strong", {}, `“${words[focus]}”`), " looks ");
    heads.forEach((head, k) => {
      const row = kept[`${layerName(now)}.attention.heads.${head}.weights`][focus];
      const best = row.indexOf(Math.max(...row));
      place.append(`${k ? "; " : ""}in head ${head + 1} most at `, el("strong", {}, `“${words[best]}”`), `, ${shown(row[best])}`);
    });
    place.append(".");
  }

  /** Chapters 4 to 6: who looks at whom. @param {Host} host @param {Model} model @returns {Stage} */
  function attention(host, model) {
    const element = section(host, "Who looks at whom", "Each row is a word that looks, each column one that is looked at, and a row sums to 1. Choose a word to see where it looks.", "attention");
    const said = el("p", { class: "live-looks" });
    const maps = el("div", { class: "live-pair" });
    element.append(said, maps);
    const heads = host.heads.map((head) => {
      const few = new NumberTable(host, { caption: `Head ${head + 1}`, columns: [], digits: 2, scale: 0.85, map: true });
      const canvas = el("canvas", { role: "img", tabindex: 0 });
      const listed = new NumberTable(host, { caption: "", columns: ["share"], digits: 3, scale: 0.85 });
      const many = el("div", { class: "live-many" }, el("div", {}, canvas), listed.element);
      maps.append(few.element, many);
      let count = 0;
      const rowAt = (/** @type {PointerEvent} */ event) => Math.min(count - 1, Math.max(0, Math.floor((event.offsetY / canvas.clientHeight) * count)));
      canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && host.hover(rowAt(event)));
      canvas.addEventListener("pointerleave", () => host.hover(null));
      canvas.addEventListener("click", (event) => host.look(rowAt(/** @type {PointerEvent} */ (event))));
      return { head, few, many, canvas, listed, setCount: (/** @type {number} */ n) => (count = n) };
    });
    const update = (/** @type {Now} */ now) => {
      const { kept, words, focus, inputs } = now;
      tellLooks(said, now, host.heads);
      for (const { head, few, many, canvas, listed, setCount } of heads) {
        const name = `${layerName(now)}.attention.heads.${head}.weights`;
        const row = kept[name][focus];
        const small = words.length <= FEW;
        few.element.hidden = !small;
        many.hidden = small;
        maps.classList.toggle("live-wide", !small);
        if (small) {
          if (few.columns.join("\n") !== words.join("\n")) few.setColumns(words);
          few.update(words.map((word, i) => ({ header: word, token: i, cells: cells(name, i, kept[name][i]), dim: false })), focus);
          [...few.head.querySelectorAll("th")].forEach((th, j) => th.classList.toggle("dim", !inputs.attention_mask[j]));
        } else {
          setCount(words.length);
          drawMap(canvas, kept[name], focus);
          canvas.setAttribute("aria-label", `Head ${head + 1}: a map of ${words.length} words that look at each other. The row of “${words[focus]}” is in the table beside it.`);
          listed.caption.textContent = `Where “${words[focus]}” looks, the largest shares first`;
          const order = row.map((_, j) => j).sort((a, b) => row[b] - row[a]).slice(0, 12);
          listed.update(order.map((j) => ({ header: `${words[j]} (${j})`, cells: [{ value: row[j], place: { name, row: focus, column: j } }] })));
        }
      }
    };
    return { element, update };
  }

  /** Chapters 6 and 7: what becomes of a word in a layer. @param {Host} host @param {Model} model @returns {Stage} */
  function layer(host, model) {
    const element = section(host, "Add, normalise, think", "What a word heard is added to what it was, and LayerNorm brings the sum to size. Then neurons think about each word by itself, and that is added, too.", "layer");
    const stream = new NumberTable(host, { caption: "", columns: model.features });
    const neurons = new NumberTable(host, { caption: "", columns: [], digits: 2, scale: 4 });
    const all = new NumberTable(host, { caption: "All words after the layer: z", columns: model.features });
    const fold = el("details", { class: "live-fold" }, el("summary", {}, "All words after the layer"), all.element);
    fold.addEventListener("toggle", () => host.redraw());
    const used = (/** @type {Tables} */ w, /** @type {string} */ name) =>
      w[`${name}.expand.weight`].map((_, k) => k).filter((k) => w[`${name}.expand.weight`][k].some(Boolean) || w[`${name}.expand.bias`][0][k] || w[`${name}.contract.weight`].some((row) => row[k]));
    const weights = weightsFold(host, (now) => {
      const { weights: w, features, config } = now.model;
      const name = layerName(now);
      const size = config.n_embed / config.n_heads;
      const named = w[`${name}.feed_forward.expand.weight`].map((_, k) => `neuron ${k + 1}`);
      const thinking = used(w, `${name}.feed_forward`);
      const [caption, columns, outward, rows] = linearTable(w, `${name}.feed_forward.contract`, named, features);
      const kept = [...thinking, named.length];
      return [
        linearTable(w, `${name}.attention.output`, features.map((_, k) => `head ${Math.floor(k / size) + 1}, ${(k % size) + 1}`), features),
        normTable(w, `${name}.attention_norm`, features),
        linearTable(w, `${name}.feed_forward.expand`, features, named, thinking),
        [caption, kept.map((k) => columns[k]), outward, rows.map((row) => ({ ...row, cells: kept.map((k) => row.cells[k]) }))],
        normTable(w, `${name}.feed_forward_norm`, features),
      ];
    });
    element.append(el("div", { class: "live-stack" }, stream.element, neurons.element), fold, weights.fold);
    const update = (/** @type {Now} */ now) => {
      const { kept, words, focus } = now;
      const name = layerName(now);
      const below = model.config.n_layers > 1 ? `bert.encoder.layers.${model.config.n_layers - 2}.feed_forward_norm` : "bert.embedding";
      stream.caption.textContent = `“${words[focus]}” on its way through the layer`;
      const steps = /** @type {[string, string, boolean][]} */ ([
        [below, "x: what it was", true], [`${name}.attention`, "+ what it heard", false], [`${name}.attention_sum`, "= sum", false],
        [`${name}.attention_norm`, "LayerNorm: y", true], [`${name}.feed_forward`, "+ what it thought", false],
        [`${name}.feed_forward_sum`, "= sum", false], [`${name}.feed_forward_norm`, "LayerNorm: z", true],
      ]);
      stream.update(steps.map(([from, header, strong]) => ({ header, strong, cells: cells(from, focus, kept[from][focus]) })));
      const thinking = used(now.model.weights, `${name}.feed_forward`);
      const columns = thinking.map((k) => String(k + 1));
      if (neurons.columns.join() !== columns.join()) neurons.setColumns(columns);
      neurons.caption.textContent = thinking.length < kept[`${name}.feed_forward.expand`][0].length
        ? `The neurons for “${words[focus]}”: ${thinking.length} of ${kept[`${name}.feed_forward.expand`][0].length} are used`
        : `The neurons for “${words[focus]}”`;
      neurons.update(/** @type {[string, string][]} */ ([["expand", "drive"], ["activation", "after GELU"]]).map(([part, header]) => ({
        header,
        cells: thinking.map((column) => ({ value: kept[`${name}.feed_forward.${part}`][focus][column], place: { name: `${name}.feed_forward.${part}`, row: focus, column } })),
      })));
      if (fold.open) all.update(allWords(now, `${name}.feed_forward_norm`), focus);
      weights.update(now);
    };
    return { element, update };
  }

  /** Chapter 8: one vector, scores, probabilities. @param {Host} host @param {Model} model @returns {Stage} */
  function verdict(host, model) {
    const mean = model.config.pooling === "mean";
    const element = section(host, "The verdict", mean ? "The mean of all words is the vector of the text. The classifier scores each answer, and the softmax makes shares of the scores." : "The row of [CLS] is the vector of the text.", "model");
    const pooled = new NumberTable(host, { caption: "The text", columns: model.features });
    const answers = new NumberTable(host, { caption: "The answer", columns: model.config.labels });
    const why = new NumberTable(host, { caption: "Each weight set to 0 in its turn, the largest effects first", columns: ["weight", `${model.config.labels[1]} without it`] });
    const small = Object.values(model.weights).flat().length < 400;
    const fold = el("details", { class: "live-fold" }, el("summary", {}, "Which weights decide?"), why.element);
    fold.addEventListener("toggle", () => host.redraw());
    const weights = weightsFold(host, (now) => [linearTable(now.model.weights, "classifier", model.features, model.config.labels)]);
    element.append(el("div", { class: "live-stack" }, pooled.element, answers.element), ...(small ? [fold] : []), weights.fold);
    const update = (/** @type {Now} */ now) => {
      const { kept } = now;
      pooled.update([{ header: mean ? "mean of all words" : "pooled", cells: cells("pooled", 0, kept.pooled[0]) }]);
      answers.update([
        { header: "score", cells: cells("classifier", 0, kept.classifier[0]) },
        { header: "probability", cells: cells("probabilities", 0, kept.probabilities[0]), strong: true },
      ]);
      if (fold.open) {
        const own = kept.probabilities[0][1];
        const found = Object.entries(now.model.weights).flatMap(([name, table]) => table.flatMap((values, row) => values.flatMap((value, column) =>
          value === 0 ? [] : [{ place: { name, row, column }, value, without: host.probability({ name, row, column }, 0) }])));
        found.sort((a, b) => Math.abs(b.without - own) - Math.abs(a.without - own));
        why.update(found.slice(0, 12).map(({ place, value, without }) => ({
          header: `${(without > 0.5) === (own > 0.5) ? "" : "turns it: "}${called(now.model, place)}`,
          cells: [{ value, weight: place, digits: 2 }, { value: without, digits: 3 }],
        })));
      }
      weights.update(now);
    };
    return { element, update };
  }

  /** A weight in words: what it makes, and of what. @param {Model} model @param {Place} place */
  function called({ features, id_to_token, config }, { name, row, column }) {
    const parts = name.split(".");
    const kind = parts[parts.length - 1];
    const part = parts[parts.length - 2];
    if (part === "words") return `the word “${id_to_token[row]}”: ${features[column]}`;
    if (part === "positions" || part === "segments") return `${part.slice(0, -1)} ${row}: ${features[column]}`;
    if (part.endsWith("norm")) return `${part.replaceAll("_", " ")}: ${kind === "weight" ? "gain" : "bias"} of ${features[column]}`;
    const size = config.n_embed / config.n_heads;
    const inward = part === "output" ? `head ${Math.floor(column / size) + 1}, number ${(column % size) + 1}` : part === "contract" ? `neuron ${column + 1}` : features[column];
    const out = kind === "weight" ? row : column;
    const outward = part === "classifier" || name.startsWith("classifier") ? config.labels[out] : part === "expand" ? `neuron ${out + 1}` : part === "output" || part === "contract" ? features[out] : `${part} ${out + 1}`;
    const head = /heads\.(\d+)/.exec(name);
    return `${head ? `head ${Number(head[1]) + 1}, ` : ""}${outward}: ${kind === "weight" ? `times ${inward}` : "bias"}`;
  }

  return { all: { embeddings, points, "query-key-value": queryKeyValue, attention, layer, verdict }, called, tellLooks };
})();
