// Where a number comes from: the sum (or share, or bend) that makes it, term by term, out of the numbers before it. What
// stands here is tested twice: each sum adds up to the number that the forward pass made, and each formula stands in its chapter.
"use strict";

/** @typedef {{name: string, row: number, column: number}} Place  One number: of a weight, or of what was computed. */
/** @typedef {{value: number, from?: Place, weight?: Place}} Part  A factor of a term, and where it comes from in its turn. */
/** @typedef {{label: string, parts: Part[], amount: number, token?: number}} Term */
/**
 * @typedef {object} Sum
 * @property {string} title
 * @property {string} chapter  The page that tells it.
 * @property {string} formula  As that page writes it.
 * @property {string[]} columns  What the factors of the terms are.
 * @property {Term[]} terms
 * @property {"sum" | "share" | "root" | "bend" | "row"} kind  What is made of the terms.
 * @property {number} [times]  The sum is multiplied by this.
 * @property {string} [said]  How that is said.
 * @property {number} [picked]  The term whose share it is.
 * @property {Sum[]} [before]  What must be known first.
 */

const LiveSums = (() => {
  const CHAPTERS = {
    words: "02-tokenizer", embeddings: "03-embeddings", attention: "04-attention", masks: "05-masks", heads: "06-heads",
    layer: "07-layer", model: "08-model",
  };
  const FORMULAS = {
    embedding: String.raw`x_i = \mathrm{LayerNorm}\left(w_{\mathrm{id}_i} + p_i + s_{\mathrm{segment}_i}\right)`,
    norm: String.raw`\mathrm{LayerNorm}(v)_j = \gamma_j \, \frac{v_j - \mu}{\sigma} + \beta_j`,
    spread: String.raw`\mu = \frac{1}{d} \sum_j v_j \qquad \sigma = \sqrt{\frac{1}{d} \sum_j (v_j - \mu)^2 + \varepsilon}`,
    attention: String.raw`\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\left(\frac{Q K^\top}{\sqrt{d_\mathrm{head}}}\right) V`,
    mask: String.raw`w_{ij} = \frac{m_j \, e^{s_{ij}}}{\sum_k m_k \, e^{s_{ik}}}`,
    heads: String.raw`\mathrm{out} = \left[z^{(1)}, z^{(2)}\right] W^\top + b`,
    heard: String.raw`y = \mathrm{LayerNorm}(x + \mathrm{Attention}(x))`,
    thought: String.raw`z = \mathrm{LayerNorm}(y + \mathrm{FFN}(y))`,
    feedForward: String.raw`\mathrm{FFN}(y) = W_2 \, \mathrm{bend}(W_1 y + b_1) + b_2`,
    gelu: String.raw`\mathrm{GELU}(x) = x \, \Phi(x) = \frac{x}{2} \left( 1 + \mathrm{erf}\!\left(\frac{x}{\sqrt{2}}\right) \right)`,
    pooler: String.raw`\mathrm{pooled} = \tanh(W h_0 + b)`,
    mean: String.raw`\mathrm{mean} = \frac{\sum_i m_i h_i}{\sum_i m_i}`,
    logits: String.raw`\mathrm{logits} = W_c \, p + b_c`,
    loss: String.raw`\mathrm{loss} = -\ln \, \mathrm{softmax}(\mathrm{logits})_\text{true}`,
  };

  /**
   * Where a number comes from.
   * @param {Model} model
   * @param {Inputs} inputs
   * @param {Tables} kept  What the forward pass has made.
   * @param {string[]} words  The word of each token.
   * @param {Place} place
   * @returns {Sum}
   */
  function explain(model, inputs, kept, words, { name, row, column }) {
    const { weights: w, config, features } = model;
    const quoted = `“${words[row]}”`;
    const feature = features[column];
    const title = `${feature} of ${quoted}`;
    const last = name.split(".").pop() || "";
    const layer = name.split(".attention")[0].split(".feed_forward")[0];
    const deepest = `bert.encoder.layers.${config.n_layers - 1}.feed_forward_norm`;
    const below = Number(layer.split(".").pop()) - 1;
    const input = below < 0 ? "bert.embedding" : `bert.encoder.layers.${below}.feed_forward_norm`; // what the layer reads
    const head = `head ${Number((/heads\.(\d+)/.exec(name) || [0, 0])[1]) + 1}`;
    /** @param {string} from @param {number} [r] @param {number} [c] @returns {Part} */
    const number = (from, r = row, c = column) => ({ value: kept[from][r][c], from: { name: from, row: r, column: c } });
    /** @param {string} from @param {number} r @param {number} c @returns {Part} */
    const weight = (from, r, c) => ({ value: w[from][r][c], weight: { name: from, row: r, column: c } });
    /** @param {string} label @param {Part[]} parts @returns {Term} */
    const term = (label, ...parts) => ({ label, parts, amount: parts.reduce((product, part) => product * part.value, 1) });

    /** A linear layer: its inputs, each times a weight, and a bias. @param {string} layerName @param {string} from @param {string[]} labels @param {number} [r] */
    const linear = (layerName, from, labels, r = row) => [
      ...labels.map((label, k) => term(label, weight(`${layerName}.weight`, column, k), number(from, r, k))),
      term("bias", weight(`${layerName}.bias`, 0, column)),
    ];
    /** A LayerNorm of a row. @param {string} normName @param {string} from @returns {Sum} */
    const norm = (normName, from) => {
      const chapter = CHAPTERS.embeddings;
      const v = kept[from][row];
      const { mean, deviation } = LiveBert.spread(v, config.layer_norm_eps);
      const common = { chapter, formula: FORMULAS.spread, columns: ["number"] };
      return {
        title, chapter, formula: FORMULAS.norm, kind: "sum", columns: ["number − mean", "1 ÷ deviation", "gain"],
        terms: [
          term(feature, { value: v[column] - mean }, { value: 1 / deviation }, weight(`${normName}.weight`, 0, column)),
          term("bias", weight(`${normName}.bias`, 0, column)),
        ],
        before: [
          { ...common, title: `the mean of the row of ${quoted}`, kind: "sum", times: 1 / v.length, said: `divided by ${v.length}`,
            terms: v.map((_, k) => term(features[k], number(from, row, k))) },
          { ...common, title: "its deviation", kind: "root", times: 1 / v.length, said: `divided by ${v.length}, and the root of it`,
            columns: ["number − mean", "the same"],
            terms: [...v.map((value, k) => term(features[k], { value: value - mean }, { value: value - mean })),
                    term("ε, times " + v.length, { value: config.layer_norm_eps * v.length })] },
        ],
      };
    };
    /** Rows that are added up. @param {string[]} from @param {string[]} labels @param {string} chapter @param {string} formula @returns {Sum} */
    const plain = (from, labels, chapter, formula) => ({
      title: `${title}: the sum`, chapter, formula, kind: "sum", columns: ["number"],
      terms: from.map((one, k) => term(labels[k], number(one))),
    });
    const neurons = () => kept[`${layer}.feed_forward.expand`][row].map((_, k) => `neuron ${k + 1}`);

    switch (last) {
      case "words": case "positions": case "segments": {
        const index = last === "words" ? inputs.input_ids[row] : last === "positions" ? inputs.position_ids[row] : 0;
        const said = { words: `the word ${quoted} has the id ${index}`, positions: `${quoted} stands in place ${index}`, segments: `${quoted} is in segment 0` };
        return { title: `${feature} in the table of ${last}`, chapter: CHAPTERS.embeddings, formula: FORMULAS.embedding, kind: "row", columns: ["weight"],
          terms: [term(`row ${index}: ${said[last]}`, weight(`bert.embedding.${last}.weight`, index, column))] };
      }
      case "sum":
        return plain(["words", "positions", "segments"].map((part) => `bert.embedding.${part}`),
          [`the word ${quoted}`, `place ${inputs.position_ids[row]}`, "segment 0"], CHAPTERS.embeddings, FORMULAS.embedding);
      case "embedding":
        return norm("bert.embedding.norm", "bert.embedding.sum");
      case "query": case "key": case "value":
        return { title: `${last} ${column + 1} of ${quoted}, ${head}`, chapter: CHAPTERS.attention, formula: FORMULAS.attention, kind: "sum",
          columns: ["weight", "number"], terms: linear(name, input, features) };
      case "scores": {
        const own = name.slice(0, -".scores".length);
        const size = kept[`${own}.query`][row].length;
        return { title: `score of ${quoted} for “${words[column]}”, ${head}`, chapter: CHAPTERS.attention, formula: FORMULAS.attention, kind: "sum",
          columns: [`query of ${quoted}`, `key of “${words[column]}”`], times: 1 / Math.sqrt(size), said: `divided by √${size}`,
          terms: kept[`${own}.query`][row].map((_, k) => term(`number ${k + 1}`, number(`${own}.query`, row, k), number(`${own}.key`, column, k))) };
      }
      case "weights": {
        const scores = name.replace(/weights$/, "scores");
        const highest = Math.max(...kept[scores][row].filter((_, j) => inputs.attention_mask[j]));
        const terms = kept[scores][row].map((score, j) => ({
          label: inputs.attention_mask[j] ? `“${words[j]}”` : `“${words[j]}”, hidden`, parts: [number(scores, row, j)], token: j,
          amount: inputs.attention_mask[j] ? Math.exp(score - highest) : 0,
        }));
        return { title: `how much ${quoted} looks at “${words[column]}”, ${head}`, chapter: CHAPTERS.masks, formula: FORMULAS.mask, kind: "share",
          columns: ["score"], terms, picked: column, said: "e to the power of (score minus the highest), as a share of all" };
      }
      case "joined": {
        const size = config.n_embed / config.n_heads;
        const which = Math.floor(column / size);
        return mixed(`${name.slice(0, -".joined".length)}.heads.${which}`, column % size, `head ${which + 1}`);
      }
      case "attention":
        return { title: `what the heads found for ${quoted}: ${feature}`, chapter: CHAPTERS.heads, formula: FORMULAS.heads, kind: "sum", columns: ["weight", "number"],
          terms: linear(`${name}.output`, `${name}.joined`, kept[`${name}.joined`][row].map((_, k) => {
            const size = config.n_embed / config.n_heads;
            return `head ${Math.floor(k / size) + 1}, number ${(k % size) + 1}`;
          })) };
      case "attention_sum":
        return plain([input, `${layer}.attention`], ["what it was", "what it heard"], CHAPTERS.layer, FORMULAS.heard);
      case "attention_norm":
        return norm(`${layer}.attention_norm`, `${layer}.attention_sum`);
      case "expand":
        return { title: `drive of neuron ${column + 1} for ${quoted}`, chapter: CHAPTERS.layer, formula: FORMULAS.feedForward, kind: "sum", columns: ["weight", "number"],
          terms: linear(name, `${layer}.attention_norm`, features) };
      case "activation": {
        const drive = number(`${layer}.feed_forward.expand`);
        return { title: `neuron ${column + 1} for ${quoted}, after the bend`, chapter: CHAPTERS.layer, formula: FORMULAS.gelu, kind: "bend", columns: ["drive", "probability below it"],
          terms: [term("GELU", drive, { value: (1 + LiveBert.erf(drive.value / Math.SQRT2)) / 2 })] };
      }
      case "feed_forward":
        return { title: `what the neurons add for ${quoted}: ${feature}`, chapter: CHAPTERS.layer, formula: FORMULAS.feedForward, kind: "sum", columns: ["weight", "number"],
          terms: linear(`${name}.contract`, `${name}.activation`, neurons()) };
      case "feed_forward_sum":
        return plain([`${layer}.attention_norm`, `${layer}.feed_forward`], ["what it was", "what it thought"], CHAPTERS.layer, FORMULAS.thought);
      case "feed_forward_norm":
        return norm(name, `${layer}.feed_forward_sum`);
      case "pooled": {
        if (config.pooling === "cls") {
          const inside = { title: "before tanh", chapter: CHAPTERS.model, formula: FORMULAS.pooler, kind: /** @type {const} */ ("sum"), columns: ["weight", "number"], terms: linear("bert.pooler.dense", deepest, features, 0) };
          return { ...inside, title: `${feature} of the text`, kind: "bend", terms: [{ label: "tanh", parts: [], amount: Math.tanh(total(inside)) }], before: [inside] };
        }
        const seen = inputs.attention_mask.filter(Boolean).length || 1;
        return { title: `${feature} of the text`, chapter: CHAPTERS.model, formula: FORMULAS.mean, kind: "sum", columns: ["number"], times: 1 / seen, said: `divided by ${seen}`,
          terms: kept[deepest].map((_, i) => ({ ...term(`“${words[i]}”`, number(deepest, i)), token: i })).filter((_, i) => inputs.attention_mask[i]) };
      }
      case "classifier":
        return { title: `score for “${config.labels[column]}”`, chapter: CHAPTERS.model, formula: FORMULAS.logits, kind: "sum", columns: ["weight", "number"],
          terms: linear("classifier", "pooled", features) };
      case "probabilities": {
        const highest = Math.max(...kept.classifier[0]);
        return { title: `probability of “${config.labels[column]}”`, chapter: CHAPTERS.model, formula: FORMULAS.loss, kind: "share", columns: ["score"], picked: column,
          said: "e to the power of (score minus the highest), as a share of all",
          terms: config.labels.map((label, k) => ({ label, parts: [number("classifier", 0, k)], amount: Math.exp(kept.classifier[0][k] - highest) })) };
      }
      default: // a head: the mean of the values
        return mixed(name, column, head);
    }

    /** What a word takes from the others. @param {string} own @param {number} k @param {string} which @returns {Sum} */
    function mixed(own, k, which) {
      return { title: `number ${k + 1} of what ${quoted} took, ${which}`, chapter: CHAPTERS.attention, formula: FORMULAS.attention, kind: "sum",
        columns: ["how much it looks", "value"],
        terms: words.map((word, j) => ({ ...term(`“${word}”`, number(`${own}.weights`, row, j), number(`${own}.value`, j, k)), token: j })) };
    }
  }

  /** What the terms make. @param {Sum} sum */
  function total({ terms, kind, times = 1, picked = 0 }) {
    const all = terms.reduce((so_far, one) => so_far + one.amount, 0);
    if (kind === "share") return all ? terms[picked].amount / all : 0;
    return kind === "root" ? Math.sqrt(all * times) : all * times;
  }

  return { explain, total, FORMULAS, CHAPTERS };
})();
