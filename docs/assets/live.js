// The live BERT: where a page has a place for it, its scripts are fetched when the reader comes near, and its models when
// they are asked for. Scripts alone can be loaded in a folder that is opened as it is; so everything is one.
"use strict";

/** @typedef {any} Anything */
/** @type {Anything} */
var LiveBert = LiveBert || {};

(() => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  const home = new URL("live/", script.src);
  LiveBert.base = new URL("../", script.src).href;
  const PARTS = ["bert", "words", "sums", "tables", "pictures", "stages", "machine"];
  /** @type {Map<string, Promise<void>>} */
  const fetched = new Map();
  /** @type {Record<string, Anything>} */
  const files = {};

  /** @param {string} name @param {Anything} file */
  LiveBert.receive = (name, file) => {
    files[name] = file;
  };

  /** Fetch a script, once. @param {string} name @returns {Promise<void>} */
  function fetchScript(name) {
    const known = fetched.get(name);
    if (known) return known;
    const coming = new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
      const part = document.createElement("script");
      part.src = new URL(`${name}.js`, home).href;
      part.async = false; // in their order
      part.addEventListener("load", () => resolve());
      part.addEventListener("error", () => reject(new Error(`${name} could not be loaded`)));
      document.head.append(part);
    });
    fetched.set(name, coming);
    return coming;
  }

  /** @param {string} name */
  LiveBert.load = async (name) => {
    await Promise.all([...PARTS, name].map(fetchScript));
    return LiveBert.words.unpack(name, files[name]);
  };

  /** @param {HTMLElement} holder */
  async function start(holder) {
    const model = await LiveBert.load(holder.dataset.model || "pencil");
    new LiveBert.machine.Machine(holder, model);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const near = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        start(/** @type {HTMLElement} */ (target));
      }
    }, { rootMargin: "500px" });
    for (const holder of document.querySelectorAll(".live-bert")) near.observe(holder);
  });
})();
