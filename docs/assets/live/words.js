// Texts to ids as nano_bert/tokenizer/words.py and base.py do it, and a model out of its file.
"use strict";

/**
 * @typedef {object} Model
 * @property {string} name
 * @property {Config} config
 * @property {Tables} weights
 * @property {string[]} id_to_token
 * @property {Map<string, number>} vocab
 * @property {string[]} special_tokens  [PAD], [CLS], [SEP], [UNK], [MASK]
 * @property {boolean} lower_case
 * @property {"head" | "tail" | "both"} truncation
 * @property {string[]} features  What each feature stands for, where somebody chose it.
 */
/**
 * @typedef {object} ModelFile  What `python -m tests.book.live_weights` writes.
 * @property {Config} config
 * @property {{special_tokens: string[], lower_case: boolean, truncation: "head" | "tail" | "both"}} tokenizer
 * @property {string[]} features
 * @property {string} words  One a line, in the order of their ids.
 * @property {Record<string, number[]>} shapes
 * @property {string} data  All weights, one after the other: 32-bit numbers, in base64.
 */

const LiveWords = (() => {
  // What Python's \s and \w mean, which is not what they mean here.
  const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
  const WORD = "\\p{L}\\p{N}_";

  /** The words of a text: a special token as a whole, a run of letters and digits, or one mark. @param {Model} model @param {string} text */
  function tokenize(model, text) {
    const special = [...model.special_tokens].sort((a, b) => b.length - a.length);
    const escaped = special.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    const pattern = new RegExp([...escaped, `[${WORD}]+`, `[^${WORD}${SPACE}]`].join("|"), "gu");
    const words = text.match(pattern) || [];
    return words.map((word) => (special.includes(word) || !model.lower_case ? word : word.toLowerCase()));
  }

  /** @param {Model} model @param {string} word */
  const idOf = (model, word) => model.vocab.get(word) ?? 3; // [UNK]

  /** What fits of a list, and how much is left out where: [CLS] and [SEP] need room, too. @template T @param {Model} model @param {T[]} items */
  function cut(model, items) {
    const room = model.config.max_seq_len - 2;
    if (items.length <= room) return { kept: items, head: items.length, left: 0 };
    const head = { head: room, tail: 0, both: Math.floor(room / 3) }[model.truncation];
    return { kept: [...items.slice(0, head), ...items.slice(items.length - (room - head))], head, left: items.length - room };
  }

  /** The ids of a text, as `tokenizer.encode`. @param {Model} model @param {string} text */
  const encode = (model, text) => [1, ...cut(model, tokenize(model, text).map((word) => idOf(model, word))).kept, 2];

  /** What a model reads of ids alone: [PAD] is not looked at, and places count from 0. @param {number[]} input_ids @returns {Inputs} */
  const inputsOf = (input_ids) => ({ input_ids, attention_mask: input_ids.map((id) => id !== 0), position_ids: input_ids.map((_, i) => i) });

  /** A model out of its file. @param {string} name @param {ModelFile} file @returns {Model} */
  function unpack(name, file) {
    const bytes = Uint8Array.from(atob(file.data), (letter) => letter.charCodeAt(0));
    const numbers = new Float32Array(bytes.buffer);
    /** @type {Tables} */
    const weights = {};
    let start = 0;
    for (const [key, shape] of Object.entries(file.shapes)) {
      const [rows, columns] = shape.length === 2 ? shape : [1, shape[0]];
      weights[key] = [...Array(rows).keys()].map((row) => [...numbers.subarray(start + row * columns, start + (row + 1) * columns)]);
      start += rows * columns;
    }
    const id_to_token = file.words.split("\n");
    const vocab = new Map(id_to_token.map((word, index) => [word, index]));
    return { name, config: file.config, weights, id_to_token, vocab, features: file.features, ...file.tokenizer };
  }

  return { tokenize, idOf, cut, encode, inputsOf, unpack };
})();
