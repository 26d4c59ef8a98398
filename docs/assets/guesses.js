// Predictions and exercises are answered on their page, and counted on "Your progress". What a reader has answered stays
// in this browser, and goes nowhere else. The right answer of an exercise is no more than a fingerprint here.
"use strict";

const Guesses = (() => {
  const NAME = "nano-bert: answers";
  /** @typedef {{said: string, right: boolean, first: boolean}} Kept  What was said last, whether it is right, and whether the first was. */

  /** What is kept while the page is open, where the browser keeps nothing (in a private window, say). @type {Record<string, Kept> | undefined} */
  let here;

  /** @returns {Record<string, Kept>} */
  function kept() {
    try {
      const found = here || JSON.parse(localStorage.getItem(NAME) || "{}");
      return found instanceof Object ? found : {};
    } catch {
      return {};
    }
  }

  /** @param {Record<string, Kept>} all */
  function keep(all) {
    try {
      localStorage.setItem(NAME, JSON.stringify(all));
    } catch {
      here = all;
    }
  }

  /** @param {string} key @param {string} said @param {boolean} right */
  function remember(key, said, right) {
    const all = kept();
    keep({ ...all, [key]: { said, right, first: all[key] ? all[key].first : right } });
  }

  /** SHA-256, as in FIPS 180-4: what browsers have of it is missing where a page does not come by https. @param {string} text */
  function sha256(text) {
    /** @type {number[]} */
    const primes = [];
    for (let n = 2; primes.length < 64; n += 1) if (primes.every((prime) => n % prime)) primes.push(n);
    /** @param {number} number */
    const fraction = (number) => ((number - Math.floor(number)) * 2 ** 32) | 0;
    /** @param {number} word @param {number} n */
    const turn = (word, n) => (word >>> n) | (word << (32 - n));
    const factors = primes.map((prime) => fraction(Math.cbrt(prime)));
    const state = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
    const bytes = [...new TextEncoder().encode(text)];
    const bits = bytes.length * 8;
    bytes.push(0x80);
    while (bytes.length % 64 !== 56) bytes.push(0);
    for (let shift = 56; shift >= 0; shift -= 8) bytes.push(shift < 32 ? (bits >>> shift) & 255 : 0);
    for (let start = 0; start < bytes.length; start += 64) {
      const words = Array.from({ length: 16 }, (_, k) => [0, 1, 2, 3].reduce((sum, j) => (sum << 8) | bytes[start + 4 * k + j], 0));
      let [a, b, c, d, e, f, g, h] = state;
      for (let k = 0; k < 64; k += 1) {
        if (k > 15) {
          const [low, high] = [words[k - 15], words[k - 2]];
          const mixed = (turn(low, 7) ^ turn(low, 18) ^ (low >>> 3)) + (turn(high, 17) ^ turn(high, 19) ^ (high >>> 10));
          words.push((words[k - 16] + words[k - 7] + mixed) | 0);
        }
        const first = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + factors[k] + words[k];
        const second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
      }
      [a, b, c, d, e, f, g, h].forEach((word, k) => { state[k] = (state[k] + word) | 0; });
    }
    return state.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** The things that were typed, `count` of them where that can be: a comma may part them, or thousands. @param {string} text @param {number} count */
  function parts(text, count) {
    const clean = text.replace(/\u2212/g, "-").replace(/["“”`()[\]]/g, " ");
    const apart = clean.split(/[\s,;]+/).filter(Boolean);
    return apart.length === count ? apart : clean.replace(/(\d),(?=\d{3}(?!\d))/g, "$1").split(/[\s,;]+/).filter(Boolean);
  }

  /** A number as its fingerprint has it, and its neighbours, for what was rounded on the way. @param {number} number @param {number} decimals */
  function around(number, decimals) {
    const steps = decimals ? [0, -1, 1] : [0];
    return steps.map((step) => (number + step / 10 ** decimals).toFixed(decimals).replace(/^-(0\.?0*)$/, "$1"));
  }

  /** Whether an exercise is answered right, or a sentence that says what it asks for. @param {DOMStringMap} asks @param {string} text @returns {boolean | string} */
  function judged(asks, text) {
    const [count, decimals] = [Number(asks.count || asks.right?.split(" ").length), asks.decimals];
    const words = parts(text, count);
    const things = decimals === "None" ? "word" : "number";
    if (words.length !== count) return `It asks for ${count} ${things}${count > 1 ? "s, with blanks between them" : ""}.`;
    if (things === "number" && words.some((word) => !Number.isFinite(Number(word)))) return `It asks for numbers, such as 0.5 or 12.`;
    if (asks.right) return asks.right.split(" ").every((right, k) => Math.abs(Number(words[k]) - Number(right)) <= Number(asks.within) + 1e-9);
    let tried = [""];
    for (const word of words) {
      const forms = things === "word" ? [word.toLowerCase()] : around(Number(word), Number(decimals));
      tried = tried.flatMap((before) => forms.map((form) => `${before} ${form}`));
    }
    return tried.some((form) => sha256(`${asks.key}:${form}`).startsWith(asks.fingerprint || "?"));
  }

  /** What the answer says of a wrong one. @param {Element} asking @param {string} said */
  function overlooked(asking, said) {
    let fold = asking.closest(".predict")?.nextElementSibling;
    while (fold && !fold.querySelector(".replies")) fold = fold.nextElementSibling;
    /** @param {string} name */
    const found = (name) => fold?.querySelector(`.replies > [data-guess="${CSS.escape(name)}"]`);
    const right = Number(asking instanceof HTMLElement && asking.dataset.right);
    const item = found(said) || found(Number(said) > right ? "More" : "Less") || found("Something else");
    return item?.innerHTML.replace(/<em>[^<]*<\/em>/, "") || "Go through it once more, step by step.";
  }

  /** Say what there is to say of an answer. @param {HTMLElement} asking @param {boolean} right @param {string} [why] */
  function reply(asking, right, why = "Say it again to read why.") {
    asking.dataset.state = right ? "right" : "wrong";
    if (asking.nextElementSibling) asking.nextElementSibling.innerHTML = right ? "<strong>Right.</strong>" : `<strong>Not so.</strong> ${why}`;
  }

  /** @param {HTMLElement} list */
  function makeChoices(list) {
    const { key = "", right } = list.dataset;
    /** @param {string} said */
    const mark = (said) => buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(String(k + 1) === said)));
    const buttons = [...list.querySelectorAll(".choice")].map((words, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "choice";
      button.innerHTML = words.innerHTML;
      button.addEventListener("click", () => {
        const said = String(k + 1);
        remember(key, said, said === right);
        mark(said);
        reply(list, said === right, overlooked(list, said));
      });
      words.replaceWith(button);
      return button;
    });
    const before = kept()[key];
    mark(before?.said);
    if (before) reply(list, before.right);
  }

  /** @param {HTMLFormElement} form */
  function makeTyped(form) {
    const [key, input] = [form.dataset.key || "", form.querySelector("input")];
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const said = input?.value.trim() || "";
      const right = judged(form.dataset, said);
      if (typeof right === "string") return reply(form, false, right);
      remember(key, said, right);
      reply(form, right, overlooked(form, parts(said, 1).join(" ")));
    });
    const before = kept()[key];
    if (!before || !input) return;
    input.value = before.said;
    reply(form, before.right);
  }

  /** The page that counts. @param {Element} page */
  function count(page) {
    const all = kept();
    for (const cell of page.querySelectorAll("td[data-keys]")) {
      const { kind, keys = "" } = /** @type {HTMLElement} */ (cell).dataset;
      const names = keys.split(" ").filter(Boolean);
      const done = names.filter((name) => all[name] && (kind === "said" || all[name][kind === "first" ? "first" : "right"]));
      if (names.length) cell.textContent = kind === "first" ? String(done.length) : `${done.length} of ${names.length}`;
    }
    for (const box of page.querySelectorAll(".rungs input")) {
      if (box instanceof HTMLInputElement) box.checked = Boolean(all[`rung ${box.value}`]);
    }
  }

  /** @param {Element} page */
  function makeProgress(page) {
    const [rungs, erase] = [page.querySelector(".rungs"), page.querySelector("button.erase")];
    /** @param {string} rung @param {boolean} right */
    const tick = (rung, right) => {
      const { [`rung ${rung}`]: _, ...others } = kept();
      keep(right ? { ...others, [`rung ${rung}`]: { said: "", right, first: right } } : others);
    };
    rungs?.addEventListener("change", ({ target }) => target instanceof HTMLInputElement && tick(target.value, target.checked));
    page.querySelector(".pasted")?.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = page.querySelector("textarea")?.value || "";
      const said = [...text.matchAll(/^\s*(\d+) .*?\s(right|not yet|to do|waits)\s*$/gm)];
      for (const [, rung, state] of said) tick(rung, state === "right");
      const place = page.querySelector(".pasted + .reply");
      if (place) place.textContent = said.length ? `${said.filter(([, , state]) => state === "right").length} of ${said.length} rungs are right.` : "These are not the lines of the command: copy them from its first to its last.";
      count(page);
    });
    erase?.addEventListener("click", () => {
      keep({});
      count(document.body);
      if (erase.nextElementSibling) erase.nextElementSibling.textContent = "All is erased.";
    });
    count(page);
  }

  function start() {
    for (const asking of document.querySelectorAll(":is(.guess, .typed, .progress):not([data-ready])")) {
      if (!(asking instanceof HTMLElement)) continue;
      asking.dataset.ready = "";
      if (asking.matches(".guess")) makeChoices(asking);
      else if (asking instanceof HTMLFormElement) makeTyped(asking);
      else makeProgress(asking);
    }
  }
  addEventListener("pageshow", () => document.querySelector(".progress") && count(document.body)); // it may be an old copy
  return { start, sha256, judged };
})();

// The theme can go from page to page without loading anew, and says so; a theme that cannot is asked once.
if (typeof document$ === "undefined") Guesses.start();
else document$.subscribe(Guesses.start);
