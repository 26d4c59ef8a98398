// The live BERT: where a page has a place for it, its scripts are fetched when the reader comes near, and its models when
// they are asked for. In a folder that is opened as it is, a page can load scripts and nothing else; so everything is one.
"use strict";

const Live = (() => {
  const PARTS = ["bert", "words", "sums", "tables", "pictures", "stages", "machine"];
  /** Where the book is. */
  const base = new URL("..", /** @type {HTMLScriptElement} */ (document.currentScript).src).href;
  /** The models that have come. @type {Record<string, ModelFile>} */
  const files = {};
  /** @type {Map<string, Promise<void>>} */
  const fetched = new Map();

  /** @param {string} name @returns {Promise<void>} */
  function fetchOnce(name) {
    const known = fetched.get(name);
    if (known) return known;
    const coming = new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${base}assets/live/${name}.js`;
      script.async = false; // in their order
      script.addEventListener("load", () => resolve());
      script.addEventListener("error", () => reject(new Error(`${script.src} could not be loaded.`)));
      document.head.append(script);
    });
    fetched.set(name, coming);
    return coming;
  }

  /** What the script of a model calls. @param {string} name @param {ModelFile} file */
  function receive(name, file) {
    files[name] = file;
  }

  /** Fetch a model, and what runs it. @param {string} name */
  async function load(name) {
    await Promise.all([...PARTS, name].map(fetchOnce));
    return LiveWords.unpack(name, files[name]);
  }

  return { base, receive, load };
})();

document.addEventListener("DOMContentLoaded", () => {
  const near = new IntersectionObserver(async (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || !(target instanceof HTMLElement)) continue;
      near.unobserve(target);
      const model = await Live.load(target.dataset.model || "pencil");
      new LiveMachine.Machine(target, model);
    }
  }, { rootMargin: "500px" });
  for (const holder of document.querySelectorAll(".live-bert")) near.observe(holder);
});
