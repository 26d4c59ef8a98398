// The forward pass of nano-BERT, as in nano_bert/embeddings.py, attention.py, encoder.py, task_heads.py and model.py, with
// the same names. What each part makes is kept under the name that the part has in Python, as a hook would keep it.
// Plain numbers, no library. `tests/browser/check_live.py` compares every tensor with PyTorch's.
"use strict";

/** @typedef {number[][]} Table  A row for each token (or for each feature that comes out), a column for each feature. */
/** @typedef {Record<string, Table>} Tables  Weights, or what was computed, each under its name. A bias is a table of one row. */
/**
 * @typedef {object} Config
 * @property {number} n_layers
 * @property {number} n_heads
 * @property {number} n_embed
 * @property {number} max_seq_len
 * @property {number} layer_norm_eps
 * @property {"cls" | "mean"} pooling
 * @property {string[]} labels
 */
/**
 * @typedef {object} Inputs
 * @property {number[]} input_ids  The ids of one text, [CLS] and [SEP] among them.
 * @property {boolean[]} attention_mask  False for what must not be looked at.
 * @property {number[]} position_ids  In Python always 0, 1, 2, …; here the reader may move a word.
 */

const LiveBert = (() => {
  /** @param {number[]} a @param {number[]} b */
  const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
  /** @param {Table} a @param {Table} b @returns {Table} */
  const add = (a, b) => a.map((row, i) => row.map((value, k) => value + b[i][k]));

  /** nn.Linear: a row of the weight for each feature that comes out. @param {Table} x @param {Tables} w @param {string} name */
  function linear(x, w, name) {
    const weight = w[`${name}.weight`];
    const [bias] = w[`${name}.bias`];
    return x.map((row) => weight.map((column, k) => dot(column, row) + bias[k]));
  }

  /** nn.LayerNorm: each row less its mean, divided by its deviation. @param {Table} x @param {Tables} w @param {string} name @param {number} eps */
  function norm(x, w, name, eps) {
    const [gain] = w[`${name}.weight`];
    const [bias] = w[`${name}.bias`];
    return x.map((row) => {
      const { mean, deviation } = spread(row, eps);
      return row.map((value, k) => ((value - mean) / deviation) * gain[k] + bias[k]);
    });
  }

  /** @param {number[]} row @param {number} eps */
  function spread(row, eps) {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return { mean, deviation: Math.sqrt(variance + eps) };
  }

  /** The error function, by a series whose terms are all positive, so that nothing cancels. @param {number} x */
  function erf(x) {
    if (Math.abs(x) > 6) return Math.sign(x);
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }

  /** nn.GELU: x times the probability that a normal number lies below x. @param {number} x */
  const gelu = (x) => (x / 2) * (1 + erf(x / Math.SQRT2));

  /** Shares of what is visible; all 0 where nothing is. @param {number[]} scores @param {boolean[]} [mask] */
  function softmax(scores, mask) {
    const highest = Math.max(...scores.filter((_, j) => !mask || mask[j]));
    const powers = scores.map((score, j) => (!mask || mask[j] ? Math.exp(score - highest) : 0));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => (sum ? power / sum : 0));
  }

  /** BertEmbeddings. @param {Tables} w @param {Inputs} inputs @param {Config} config @param {Tables} kept @returns {Table} */
  function embeddings(w, inputs, config, kept) {
    const name = "bert.embedding";
    const words = (kept[`${name}.words`] = inputs.input_ids.map((id) => w[`${name}.words.weight`][id]));
    const positions = (kept[`${name}.positions`] = inputs.position_ids.map((place) => w[`${name}.positions.weight`][place]));
    const segments = (kept[`${name}.segments`] = inputs.input_ids.map(() => w[`${name}.segments.weight`][0]));
    const vectors = (kept[`${name}.sum`] = add(add(words, positions), segments));
    return (kept[name] = norm(vectors, w, `${name}.norm`, config.layer_norm_eps));
  }

  /** BertAttentionHead. @param {Table} x @param {Tables} w @param {string} name @param {boolean[]} mask @param {Tables} kept @returns {Table} */
  function attentionHead(x, w, name, mask, kept) {
    const [query, key, value] = ["query", "key", "value"].map((part) => (kept[`${name}.${part}`] = linear(x, w, `${name}.${part}`)));
    const root = Math.sqrt(query[0].length);
    const scores = (kept[`${name}.scores`] = query.map((asks) => key.map((label) => dot(asks, label) / root)));
    const weights = (kept[`${name}.weights`] = scores.map((row) => softmax(row, mask)));
    return (kept[name] = weights.map((row) => value[0].map((_, k) => row.reduce((sum, weight, j) => sum + weight * value[j][k], 0))));
  }

  /** BertSelfAttention. @param {Table} x @param {Tables} w @param {string} name @param {Inputs} inputs @param {Config} config @param {Tables} kept @returns {Table} */
  function selfAttention(x, w, name, inputs, config, kept) {
    const heads = [...Array(config.n_heads).keys()];
    const mixed = heads.map((head) => attentionHead(x, w, `${name}.heads.${head}`, inputs.attention_mask, kept));
    const joined = (kept[`${name}.joined`] = x.map((_, i) => mixed.flatMap((head) => head[i])));
    return (kept[name] = linear(joined, w, `${name}.output`));
  }

  /** FeedForward. @param {Table} x @param {Tables} w @param {string} name @param {Tables} kept @returns {Table} */
  function feedForward(x, w, name, kept) {
    const drive = (kept[`${name}.expand`] = linear(x, w, `${name}.expand`));
    const fired = (kept[`${name}.activation`] = drive.map((row) => row.map(gelu)));
    return (kept[name] = linear(fired, w, `${name}.contract`));
  }

  /** BertLayer. @param {Table} x @param {Tables} w @param {string} name @param {Inputs} inputs @param {Config} config @param {Tables} kept @returns {Table} */
  function layer(x, w, name, inputs, config, kept) {
    const eps = config.layer_norm_eps;
    const found = selfAttention(x, w, `${name}.attention`, inputs, config, kept);
    const heard = (kept[`${name}.attention_sum`] = add(x, found));
    const y = (kept[`${name}.attention_norm`] = norm(heard, w, `${name}.attention_norm`, eps));
    const thought = (kept[`${name}.feed_forward_sum`] = add(y, feedForward(y, w, `${name}.feed_forward`, kept)));
    return (kept[`${name}.feed_forward_norm`] = norm(thought, w, `${name}.feed_forward_norm`, eps));
  }

  /** masked_mean. @param {Table} x @param {boolean[]} mask @returns {number[]} */
  function maskedMean(x, mask) {
    const visible = x.filter((_, i) => mask[i]);
    return x[0].map((_, k) => visible.reduce((sum, row) => sum + row[k], 0) / Math.max(1, visible.length));
  }

  /** NanoBertForClassification: everything that it computes on the way to its answer. @param {Tables} w @param {Config} config @param {Inputs} inputs @returns {Tables} */
  function forward(w, config, inputs) {
    /** @type {Tables} */
    const kept = {};
    let x = embeddings(w, inputs, config, kept);
    for (let l = 0; l < config.n_layers; l += 1) x = layer(x, w, `bert.encoder.layers.${l}`, inputs, config, kept);
    const [first] = config.pooling === "cls" ? linear([x[0]], w, "bert.pooler.dense") : [];
    kept.pooled = [first ? first.map(Math.tanh) : maskedMean(x, inputs.attention_mask)];
    kept.classifier = linear(kept.pooled, w, "classifier");
    kept.probabilities = kept.classifier.map((row) => softmax(row));
    return kept;
  }

  return { forward, softmax, spread, erf, gelu };
})();
