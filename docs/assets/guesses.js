// Predictions and exercises are answered on their page, and counted on "Your progress". What a reader has answered stays
// in this browser, and goes nowhere else. The right answer of an exercise is no more than a fingerprint here.
"use strict";

const Guesses = (() => {
  const NAME = "nano-bert: answers";
  /** @typedef {{said: string, right: boolean, first: boolean}} Kept  What was said last, whether it is right, and whether the first was. */

  /** What is kept where the browser keeps nothing (in a private window, say). @type {Record<string, Kept> | undefined} */
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
    try { localStorage.setItem(NAME, JSON.stringify(all)); } catch { here = all; }
  }

  /** @param {string} key @param {string} said @param {boolean} right */
  function remember(key, said, right) {
    const all = kept();
    keep({ ...all, [key]: { said, right, first: all[key] ? all[key].first : right } });
  }

  /**
   * SHA-256, as in FIPS 180-4, of a text that fits into one block: a right answer does. What browsers have of it is
   * missing where a page does not come by https. @param {string} text
   */
  function sha256(text) {
    const bytes = [...new TextEncoder().encode(text)];
    if (bytes.length > 55) return "";
    /** @type {number[]} */
    const primes = [];
    for (let n = 2; primes.length < 64; n += 1) if (primes.every((prime) => n % prime)) primes.push(n);
    /** @param {number} number */
    const fraction = (number) => ((number - Math.floor(number)) * 2 ** 32) | 0;
    /** @param {number} word @param {number[]} by */
    const turned = (word, ...by) => by.reduce((sum, n) => sum ^ ((word >>> n) | (word << (32 - n))), 0);
    const begin = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
    const block = [...bytes, 0x80, ...Array(63 - bytes.length).fill(0)];
    const words = Array.from({ length: 16 }, (_, k) => block.slice(4 * k, 4 * k + 4).reduce((sum, byte) => (sum << 8) | byte, 0));
    words[15] = bytes.length * 8;
    let [a, b, c, d, e, f, g, h] = begin;
    for (let k = 0; k < 64; k += 1) {
      const [low, high] = [words[k - 15], words[k - 2]];
      if (k > 15) words.push((words[k - 16] + words[k - 7] + (turned(low, 7, 18) ^ (low >>> 3)) + (turned(high, 17, 19) ^ (high >>> 10))) | 0);
      const first = h + turned(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + fraction(Math.cbrt(primes[k])) + words[k];
      const second = turned(a, 2, 13, 22) + ((a & b) ^ (a & c) ^ (b & c));
      [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
    }
    return [a, b, c, d, e, f, g, h].map((word, k) => ((word + begin[k]) >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** What was typed, one by one: a comma stands between two of them, or between the thousands of a number. @param {string} text @param {DOMStringMap} asks */
  function things(text, asks) {
    const clean = asks.decimals === "" ? text : text.replace(/\u2212/g, "-").replace(/[[\]()]/g, " ");
    const [apart, joined] = [clean, clean.replace(/(\d),(?=\d{3}(?!\d))/g, "$1")].map((one) => one.split(/[\s,]+/).filter(Boolean));
    return apart.length === Number(asks.count) ? apart : joined;
  }

  /** A number as its fingerprint has it, and its neighbours, for what was rounded on the way. @param {number} number @param {number} decimals */
  function around(number, decimals) {
    const steps = decimals ? [0, -1, 1] : [0];
    return steps.map((step) => (number + step / 10 ** decimals).toFixed(decimals).replace(/^-(0\.?0*)$/, "$1"));
  }

  /** Whether it is right, or a sentence about what is asked for. @param {DOMStringMap} asks @param {string} text @returns {boolean | string} */
  function judged(asks, text) {
    const { count = "1", decimals, right, within, key, fingerprint = "?" } = asks;
    const words = things(text, asks);
    const kind = decimals === "" ? "word" : "number";
    if (words.length !== Number(count)) return `It asks for ${count} ${kind}${count === "1" ? "" : "s, with blanks between them"}.`;
    if (kind === "number" && !words.every((word) => Number.isFinite(Number(word)))) return "It asks for numbers, such as 0.5 or 12.";
    if (right) return right.split(" ").every((one, k) => Math.abs(Number(words[k]) - Number(one)) <= Number(within) + 1e-9);
    let tried = [`${key}:`];
    for (const word of words) {
      const forms = kind === "word" ? [word.toLowerCase()] : around(Number(word), Number(decimals));
      tried = tried.flatMap((before) => forms.map((form) => `${before} ${form}`));
    }
    return tried.some((form) => sha256(form).startsWith(fingerprint));
  }

  /** What the answer says of a wrong one, in the fold that follows the box. @param {HTMLElement} asking @param {string} said */
  function overlooked(asking, said) {
    const names = [said, Number(said) > Number(asking.dataset.right) ? "More" : "Less", "Something else"];
    const items = names.map((name) => document.querySelector(`[data-for="${asking.dataset.key}"] > [data-guess="${CSS.escape(name)}"]`));
    return items.find(Boolean)?.innerHTML.replace(/<em>[^<]*<\/em>/, "") || "Go through it once more, step by step.";
  }

  /** Say what there is to say of an answer. @param {HTMLElement} asking @param {boolean} right @param {string} [why] */
  function reply(asking, right, why) {
    const isGuess = asking.closest(".predict");
    asking.dataset.state = right ? "right" : "wrong";
    if (right) tell(asking, `<strong>Right.</strong> ${isGuess ? "The answer says why." : ""}`);
    else tell(asking, `<strong>${isGuess ? "Not so." : "Not yet."}</strong> ${why || (isGuess ? "Say it again to read why." : "")}`);
  }

  /** @param {Element} asking @param {string} words */
  function tell(asking, words) {
    if (asking.nextElementSibling) asking.nextElementSibling.innerHTML = words;
  }

  /** The choices of a prediction become buttons. @param {HTMLElement} list */
  function makeChoices(list) {
    const { key = "", right } = list.dataset;
    /** @param {string} said */
    const mark = (said) => buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(String(k + 1) === said)));
    const buttons = [...list.querySelectorAll(".choice")].map((words, k) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "choice", innerHTML: words.innerHTML });
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

  /** A place to type an answer. @param {HTMLFormElement} form */
  function makeTyped(form) {
    const [key, input] = [form.dataset.key || "", form.querySelector("input")];
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const said = input?.value.trim() || "";
      const right = judged(form.dataset, said);
      if (typeof right === "string") return tell(form, right);
      remember(key, said, right);
      reply(form, right, overlooked(form, things(said, form.dataset).map(Number).join(" ")));
    });
    const before = kept()[key];
    if (before && input) input.value = before.said;
    if (before) reply(form, before.right);
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
      if (box instanceof HTMLInputElement) box.checked = Boolean(all[`rung ${box.value}`]?.right);
    }
  }

  /** The ladder to tick, and the button that erases. @param {Element} page */
  function makeProgress(page) {
    const [rungs, pasted, erase] = [".rungs", ".pasted", "button.erase"].map((place) => page.querySelector(place));
    rungs?.addEventListener("change", ({ target }) => target instanceof HTMLInputElement && remember(`rung ${target.value}`, "", target.checked));
    pasted?.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = page.querySelector("textarea")?.value || "";
      const said = [...text.matchAll(/^\s*(\d+) .*?\s(right|not yet|to do|waits)\s*$/gm)];
      for (const [, rung, state] of said) remember(`rung ${rung}`, "", state === "right");
      const right = said.filter(([, , state]) => state === "right").length;
      tell(pasted, said.length ? `${right} of ${said.length} rungs are right.` : "There is no rung in this: copy all that the command says.");
      count(page);
    });
    erase?.addEventListener("click", () => {
      keep({});
      count(document.body);
      tell(erase, "All is erased.");
    });
    count(page);
  }

  function start() {
    for (const asking of document.querySelectorAll(":is(.guess, .typed, .progress):not([data-ready])")) {
      asking.toggleAttribute("data-ready");
      if (asking instanceof HTMLOListElement) makeChoices(asking);
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
