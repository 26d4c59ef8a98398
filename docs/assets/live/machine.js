// The machine: a text field, the words that are read, the stages below them, and the sum behind a number. It keeps nothing
// and sends nothing: what is typed lives as long as the page.
"use strict";

/**
 * @typedef {object} Token
 * @property {string} word
 * @property {number} id
 * @property {boolean} hidden  It must not be looked at (chapter 5).
 * @property {boolean} out  Left out: it is not there.
 * @property {number} moved  By how many places it was moved.
 */

const LiveMachine = (() => {
  const { el, button, shown, NumberTable } = LiveTables;
  /** @type {Record<string, string[]>} */
  const EXAMPLES = {
    pencil: ["the film was good not bad", "the film was bad not good", "the film was not good", "not not good"],
    "imdb-tiny": ["A wonderful film, moving and funny.", "I expected a masterpiece. What a boring, predictable mess.", "The plot is thin, but the cast is wonderful and the ending moved me."],
  };
  /** @type {Record<string, string>} */
  const NAMES = { pencil: "by hand", "imdb-tiny": "trained on reviews" };

  const CHIPS = "The tokens that are read. Choose one with the arrow keys. M hides it, Delete leaves it out, brackets move it.";

  /** Write something under a word; a phone has no room for what goes before it. @param {HTMLElement} element @param {string} before @param {string} text */
  function tell(element, before, text) {
    if (element.textContent !== text) element.textContent = text;
    if (element.dataset.before !== before) element.dataset.before = before;
  }

  /** The level of a heading inside this: one below the last heading before it. @param {Element} place */
  function levelAt(place) {
    const headings = [...document.querySelectorAll(".md-content :is(h1, h2, h3, h4)")];
    const before = headings.filter((heading) => heading.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING).pop();
    return before ? Number(before.tagName[1]) + 1 : 2;
  }

  class Machine {
    static count = 0;
    number = (Machine.count += 1);
    /** The number of the chosen token among all. */
    chosen = -1;
    /** The token under the mouse, among those that are read. @type {number | null} */
    hovered = null;
    /** @type {Token[]} */
    tokens = [];
    /** @type {Stage[]} */
    stages = [];
    /** The weights that are not as they were. @type {Map<string, {place: Place, from: number}>} */
    changes = new Map();
    /** The number whose sum is shown, those it was reached by, and where the keyboard was before. @type {{section: Element, cell: Cell, way: Cell[], from: Element | null} | null} */
    opened = null;
    /** @type {(() => void) | undefined} */
    showSum;
    /** @type {Now | undefined} */
    now;
    speaking = 0;
    frame = 0;
    element = el("div", { class: "live" });
    field = el("textarea", { class: "live-text", rows: 1, id: `live-text-${this.number}`, spellcheck: "false", autocomplete: "off" });
    mark = el("span");
    bar = el("div", { class: "live-bar" }, el("div", { class: "live-track" }, this.mark));
    answer = el("p", { class: "live-answer" });
    arcs = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    chips = el("div", { class: "live-chips", role: "listbox", "aria-orientation": "horizontal", "aria-label": CHIPS });
    unread = el("p", { class: "live-unread" });
    looks = el("p", { class: "live-looks" });
    changed = el("div", { class: "live-changes" });
    spoken = el("p", { class: "live-spoken", role: "status" });
    undo = button("As typed", () => {
      this.read(this.text);
      this.render();
    });

    /** @param {HTMLElement} holder @param {Model} model @param {string} [text] */
    constructor(holder, model, text = model.name === (holder.dataset.model || "pencil") ? holder.dataset.text || "" : EXAMPLES[model.name][0]) {
      this.wanted = (holder.dataset.stage || "all").split(" ");
      this.level = levelAt(holder);
      this.hiddenWords = (holder.dataset.hide || "").split(" ").filter(Boolean);
      const all = [...Array(model.config.n_heads).keys()];
      const asked = (holder.dataset.heads || "").split(" ").map((text) => Number(text) - 1);
      /** The heads that are shown. */
      this.heads = all.some((head) => asked.includes(head)) ? all.filter((head) => asked.includes(head)) : all;
      this.model = model;
      this.text = text;
      this.focusWord = holder.dataset.focus || "";
      this.build();
      this.read(this.text);
      holder.append(this.element);
      this.render();
      holder.classList.add("live-runs");
      new ResizeObserver(() => this.redraw()).observe(this.chips);
    }

    build() {
      const { name } = this.model;
      const whole = this.wanted.includes("all");
      this.field.addEventListener("input", () => {
        this.read(this.field.value);
        this.render();
      });
      const models = Object.entries(NAMES).map(([key, label]) => button(label, () => this.change(key), { "aria-pressed": String(key === name) }));
      const examples = EXAMPLES[name].map((text) => button(text, () => {
        this.field.value = text;
        this.read(text);
        this.render();
      }));
      this.arcs.setAttribute("class", "live-arcs");
      this.arcs.setAttribute("aria-hidden", "true");
      const keys = /** @type {[string, string, () => void][]} */ ([
        ["Hide", "M", () => this.hide()], ["Leave out", "Del", () => this.leaveOut()],
        ["Move back", "[", () => this.move(-1)], ["Move on", "]", () => this.move(1)],
      ]);
      const actions = keys.map(([label, key, work]) => {
        const made = button(label, work);
        made.append(" ", el("kbd", {}, key));
        return made;
      });
      this.listen();
      this.element.append(
        el("div", { class: "live-top" },
          el("div", { class: "live-line" }, el("label", { for: this.field.id }, "Type a text"), el("div", { class: "live-choice", role: "group", "aria-label": "Weights" }, el("span", {}, "Weights:"), ...models)),
          this.field,
          ...(whole || this.wanted.includes("overview") ? [el("div", { class: "live-examples", role: "group", "aria-label": "Examples" }, ...examples)] : [])),
        el("div", { class: "live-verdict" }, this.answer, this.bar),
        el("div", { class: "live-words" }, this.arcs, this.chips), this.unread,
        el("div", { class: "live-actions", role: "group", "aria-label": "What becomes of the chosen word" }, ...actions, this.undo),
        this.looks, this.changed, this.spoken,
      );
      for (const [key, make] of Object.entries(LiveStages.all)) {
        if (!whole && !this.wanted.includes(key)) continue;
        const stage = make(this, this.model);
        stage.element.append(el("div", { class: "live-below" }));
        this.stages.push(stage);
        this.element.append(stage.element);
      }
      if (!whole) this.element.append(el("p", { class: "live-more" }, el("a", { href: `${Live.base}live.html` }, "See every number: the whole machine")));
    }

    listen() {
      /** The number of the token whose chip this is. @param {Event} event */
      const at = (event) => [...this.chips.children].indexOf(/** @type {Element} */ (/** @type {Element} */ (event.target).closest("[role=option]")));
      this.chips.addEventListener("click", (event) => at(event) >= 0 && this.choose(at(event)));
      this.chips.addEventListener("pointerover", (event) => {
        const token = this.tokens[at(event)];
        if (event.pointerType === "mouse" && token && !token.out) this.hover(this.present.indexOf(token));
      });
      this.chips.addEventListener("pointerleave", () => this.hover(null));
      this.chips.addEventListener("keydown", (event) => {
        const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 });
        const works = /** @type {Record<string, () => void>} */ ({
          m: () => this.hide(), M: () => this.hide(), Delete: () => this.leaveOut(), Backspace: () => this.leaveOut(), "[": () => this.move(-1), "]": () => this.move(1),
          Home: () => this.choose(0), End: () => this.choose(this.tokens.length - 1),
        });
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key in steps) this.choose(Math.max(0, Math.min(this.tokens.length - 1, this.chosen + steps[event.key])));
        else if (event.key in works) works[event.key]();
        else return;
        event.preventDefault();
        event.stopPropagation(); // elsewhere the arrow keys go to another page
        /** @type {HTMLElement | null} */ (this.chips.children[this.chosen])?.focus();
      });
    }

    /** The tokens that the model reads: all but those that are left out. */
    get present() {
      return this.tokens.filter((token) => !token.out);
    }

    /** Take in a text. @param {string} text */
    read(text) {
      const words = LiveWords;
      this.text = text;
      if (this.field.value !== text) this.field.value = text;
      const found = words.tokenize(this.model, text);
      const { kept, head, left } = words.cut(this.model, found);
      const [, cls, sep] = this.model.special_tokens;
      this.tokens = [cls, ...kept, sep].map((word) => ({ word, id: words.idOf(this.model, word), hidden: this.startsHidden(word), out: false, moved: 0 }));
      this.unread.textContent = left ? `${left} of ${found.length} words are not read: this model has ${this.model.config.max_seq_len} places. What is left out comes after “${kept[head - 1] ?? ""}”.` : "";
      const before = this.tokens[this.chosen]?.word;
      const wanted = this.tokens.findIndex((token) => token.word === this.focusWord);
      if (before === undefined) this.chosen = wanted > 0 ? wanted : Math.max(0, this.tokens.length - 2);
      if (this.opened && this.opened.cell.place) this.close();
    }

    /** Whether a word is hidden from the beginning, as [PAD] always is. @param {string} word */
    startsHidden(word) {
      return word === this.model.special_tokens[0] || this.hiddenWords.includes(word);
    }

    /** What the model reads. @returns {Inputs} */
    inputs() {
      const read = this.present;
      const last = this.model.config.max_seq_len - 1;
      return {
        input_ids: read.map((token) => token.id),
        attention_mask: read.map((token) => !token.hidden),
        position_ids: read.map((token, i) => Math.max(0, Math.min(last, i + token.moved))),
      };
    }

    /** Show everything anew. */
    render() {
      cancelAnimationFrame(this.frame);
      this.frame = 0;
      const { model } = this;
      const inputs = this.inputs();
      const read = this.present;
      const kept = LiveBert.forward(model.weights, model.config, inputs);
      const chosen = read.indexOf(this.tokens[this.chosen]);
      const focus = Math.min(read.length - 1, this.hovered ?? (chosen < 0 ? 0 : chosen));
      this.now = { model, kept, inputs, words: read.map((token) => token.word), focus };
      this.showWords();
      this.showVerdict();
      for (const stage of this.stages) stage.update(this.now);
      this.showSum?.();
      this.announce();
    }

    /** Show everything anew, once, before the next picture. */
    redraw() {
      if (!this.frame) this.frame = requestAnimationFrame(() => this.render());
    }

    showWords() {
      const { kept, inputs, focus } = /** @type {Now} */ (this.now);
      const unknown = this.model.special_tokens[3];
      let place = -1;
      while (this.chips.children.length > this.tokens.length) this.chips.lastElementChild?.remove();
      this.tokens.forEach((token, i) => {
        if (!token.out) place += 1;
        if (!this.chips.children[i]) {
          this.chips.append(el("div", { role: "option" }, el("span", { class: "live-word" }), el("small"), el("small")));
        }
        const chip = /** @type {HTMLElement} */ (this.chips.children[i]);
        const [word, id, where] = /** @type {HTMLElement[]} */ ([...chip.children]);
        const strange = this.model.id_to_token[token.id] !== token.word;
        if (word.textContent !== token.word) word.textContent = token.word;
        tell(id, strange ? "" : "id ", strange ? unknown : String(token.id));
        const state = token.out ? "left out" : token.hidden ? "hidden" : "";
        tell(where, state ? "" : "place ", state || String(inputs.position_ids[place]));
        const kind = [strange && "unknown", token.hidden && "hidden", token.out && "out", token.moved && "moved", !token.out && place === focus && "focus"].filter(Boolean).join(" ");
        if (chip.className !== kind) chip.className = kind;
        const selected = String(i === this.chosen);
        if (chip.getAttribute("aria-selected") !== selected) {
          chip.setAttribute("aria-selected", selected);
          chip.setAttribute("tabindex", selected === "true" ? "0" : "-1");
        }
      });
      this.undo.hidden = !this.tokens.some((token) => token.out || token.moved || token.hidden !== this.startsHidden(token.word));
      const draws = this.wanted.some((one) => ["all", "overview", "attention"].includes(one));
      if (!draws) return;
      const layer = `bert.encoder.layers.${this.model.config.n_layers - 1}.attention.heads.`;
      const weights = this.heads.map((head) => kept[`${layer}${head}.weights`][focus]);
      const chips = /** @type {HTMLElement[]} */ ([...this.chips.children]).filter((_, i) => !this.tokens[i].out);
      const arched = LivePictures.drawArcs(this.arcs, chips.length <= 16 ? chips : [], weights, focus);
      // Where there is no room for arcs, the words themselves are dark that are looked at.
      const highest = weights.map((row) => Math.max(...row));
      chips.forEach((chip, j) => {
        chip.style.backgroundColor = arched ? "" : LiveTables.colour(Math.max(...weights.map((row, head) => row[j] / (highest[head] || 1))), 1);
      });
      if (!this.wanted.includes("overview")) return;
      LiveStages.tellLooks(this.looks, /** @type {Now} */ (this.now), this.heads);
      this.looks.append(" Choose another word.");
    }

    showVerdict() {
      const { kept } = /** @type {Now} */ (this.now);
      const { labels } = this.model.config;
      const [row] = kept.probabilities;
      const best = row.indexOf(Math.max(...row));
      this.answer.replaceChildren(el("span", { class: best ? "up" : "down" }, labels[best]), ` ${shown(row[best])}`);
      this.bar.dataset.low = labels[0];
      this.bar.dataset.high = labels[1];
      this.mark.style.left = `${(100 * row[1]).toFixed(2)}%`;
      this.changed.replaceChildren();
      if (!this.changes.size) return;
      for (const [key, { place, from }] of this.changes) {
        const now = this.model.weights[place.name][place.row][place.column];
        this.changed.append(button(`${LiveStages.called(this.model, place)}: ${shown(from, 2)} → ${shown(now, 2)} ✕`, () => {
          this.set(place, from);
          this.changes.delete(key);
          this.render();
        }, { title: "Put it back" }));
      }
      this.changed.append(button("Put all back", () => {
        for (const { place, from } of this.changes.values()) this.model.weights[place.name][place.row][place.column] = from;
        this.changes.clear();
        this.render();
      }));
    }

    /** Say the verdict to who listens, once it has come to rest. */
    announce() {
      clearTimeout(this.speaking);
      this.speaking = window.setTimeout(() => {
        const said = `The verdict: ${this.answer.textContent}.`;
        if (this.spoken.textContent !== said) this.spoken.textContent = said;
      }, 900);
    }

    /** @param {number} index  Among all tokens. */
    choose(index) {
      this.chosen = index;
      this.hovered = null;
      this.render();
    }

    /** @param {number} token  Among those that are read. */
    look(token) {
      this.choose(this.tokens.indexOf(this.present[token]));
    }

    /** @param {number | null} token */
    hover(token) {
      if (this.hovered === token) return;
      this.hovered = token;
      this.redraw();
    }

    hide() {
      const token = this.tokens[this.chosen];
      token.hidden = !token.hidden;
      this.render();
    }

    leaveOut() {
      const token = this.tokens[this.chosen];
      if (token.out || this.present.length > 1) token.out = !token.out; // something must be read
      this.close();
      this.render();
    }

    /** @param {number} step */
    move(step) {
      const token = this.tokens[this.chosen];
      const place = this.present.indexOf(token) + token.moved + step;
      if (token.out || place < 0 || place >= this.model.config.max_seq_len) return;
      token.moved += step;
      this.render();
    }

    /** What the probability of the second answer would be with another weight. @param {Place} place @param {number} value */
    probability({ name, row, column }, value) {
      const weights = this.model.weights[name][row];
      const before = weights[column];
      weights[column] = value;
      const { probabilities } = LiveBert.forward(this.model.weights, this.model.config, this.inputs());
      weights[column] = before;
      return probabilities[0][1];
    }

    /** Choose a weight. @param {Place} place @param {number} value */
    set(place, value) {
      const key = `${place.name} ${place.row} ${place.column}`;
      const row = this.model.weights[place.name][place.row];
      if (!this.changes.has(key)) this.changes.set(key, { place, from: row[place.column] });
      row[place.column] = value;
      if (this.changes.get(key)?.from === value) this.changes.delete(key);
    }

    /** Unfold the sum behind a number, or make a slider of a weight. @param {Element} from @param {Cell} cell */
    open(from, cell) {
      const below = from.closest(".live-stage")?.querySelector(".live-below");
      if (!below) return;
      if (cell.weight) this.slide(below, cell.weight);
      else if (cell.place) {
        const inside = this.opened && this.opened.section === below && below.contains(from);
        this.opened = {
          section: below, cell, way: inside && this.opened ? [...this.opened.way, this.opened.cell] : [],
          from: inside && this.opened ? this.opened.from : document.activeElement,
        };
        this.unfold();
      }
    }

    /** A weight becomes a slider. @param {Element} below @param {Place} place */
    slide(below, place) {
      const key = `${place.name} ${place.row} ${place.column}`;
      const now = this.model.weights[place.name][place.row][place.column];
      const from = this.changes.get(key)?.from ?? now;
      const reach = Math.max(4, 2 * Math.abs(from));
      const id = `live-weight-${this.number}`;
      const slider = el("input", { type: "range", id, min: -reach, max: reach, step: 0.05, value: now });
      const exact = el("input", { type: "number", step: 0.05, value: Number(now.toFixed(4)), "aria-label": "The weight as a number" });
      const take = (/** @type {string} */ text) => {
        const value = Number(text);
        if (text.trim() === "" || !Number.isFinite(value)) return;
        this.set(place, value);
        slider.value = exact.value = text;
        this.render();
      };
      slider.addEventListener("input", () => take(slider.value));
      exact.addEventListener("change", () => take(exact.value));
      const vector = place.name.endsWith("bias") || place.name.endsWith("norm.weight");
      const path = `model.${place.name}[${vector ? place.column : `${place.row}, ${place.column}`}]`;
      const box = el("div", { class: "live-slider" },
        el("label", { for: id }, LiveStages.called(this.model, place)), slider, exact,
        button(`back to ${shown(from, 2)}`, () => take(String(from))), button("Close", () => box.remove()), el("code", {}, path));
      for (const other of this.element.querySelectorAll(".live-slider")) other.remove();
      below.append(box);
      slider.focus();
    }

    close() {
      if (!this.opened) return;
      const box = this.opened.section.querySelector(".live-sum");
      const { from } = this.opened;
      if (box?.contains(document.activeElement) && from instanceof HTMLElement) from.focus();
      box?.remove();
      this.opened = null;
      this.showSum = undefined;
    }

    /** The sum behind the number that was clicked. */
    unfold() {
      const opened = this.opened;
      const place = opened?.cell.place;
      if (!opened || !place) return;
      for (const other of this.element.querySelectorAll(".live-sum")) other.remove();
      const { model } = this;
      const explain = () => {
        const { inputs, kept, words } = /** @type {Now} */ (this.now);
        return LiveSums.explain(model, inputs, kept, words, place);
      };
      const first = explain();
      const title = el("p", { class: "live-sum-title", tabindex: -1 });
      const formula = el("div", { class: "live-formula" });
      katex.render(first.formula, formula, { displayMode: true, throwOnError: false });
      const back = button("Back", () => {
        const way = [...opened.way];
        const cell = way.pop();
        if (!cell) return;
        this.opened = { ...opened, cell, way };
        this.unfold();
      });
      back.hidden = !opened.way.length;
      const parts = [...(first.before || []), first].map((sum) => {
        const table = new NumberTable(this, { caption: "", columns: [...sum.columns, ...(sum.terms.some((one) => one.parts.length > 1) || sum.kind === "share" ? [sum.kind === "share" ? "power" : "product"] : [])] });
        return { table, result: el("p", { class: "live-result" }) };
      });
      const chapter = el("p", { class: "live-from" }, "The formula is from ", el("a", { href: `${Live.base}${first.chapter}.html` }, `chapter ${Number(first.chapter.slice(0, 2))}`), ".");
      const box = el("section", { class: "live-sum", "aria-label": "Where this number comes from" },
        el("div", { class: "live-sum-head" }, title, back, button("Close", () => this.close())), formula, el("div", { class: "live-steps" }, ...parts.map(({ table, result }) => el("div", {}, table.element, result))), chapter);
      box.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
      opened.section.prepend(box);
      this.showSum = () => {
        const sum = explain();
        title.textContent = `${sum.title} = ${shown(LiveSums.total(sum))}`;
        [...(sum.before || []), sum].forEach((one, i) => {
          const { table, result } = parts[i];
          const products = table.columns.length > one.columns.length;
          table.caption.textContent = sum.before?.length ? one.title : "";
          table.caption.hidden = !sum.before?.length;
          table.update(one.terms.map((term) => ({
            header: term.label, token: undefined, strong: one.kind === "share" && one.terms.indexOf(term) === one.picked,
            cells: [
              ...one.columns.map((_, k) => (term.parts[k] ? { value: term.parts[k].value, place: term.parts[k].from, weight: term.parts[k].weight } : null)).filter((cell) => cell !== null),
              ...(products && (term.parts.length > 1 || one.kind === "share") ? [{ value: term.amount }] : []),
            ],
          })));
          const all = one.terms.reduce((so_far, term) => so_far + term.amount, 0);
          const made = shown(LiveSums.total(one));
          result.textContent = one.kind === "share" ? `${one.said}: ${shown(one.terms[one.picked ?? 0].amount)} ÷ ${shown(all)} = ${made}`
            : one.kind === "row" ? `Looked up: ${made}` : one.said ? `Together ${shown(all)}, ${one.said}: ${made}` : `Together ${made}`;
        });
      };
      this.showSum();
      title.focus({ preventScroll: true });
      box.scrollIntoView({ block: "nearest" });
    }

    /** Read with another model. @param {string} name */
    async change(name) {
      const holder = this.element.parentElement;
      if (!holder || name === this.model.name) return;
      const model = await Live.load(name);
      this.element.remove();
      // What was typed stays; an example gives way to one of the other's.
      const typed = this.text !== holder.dataset.text && !EXAMPLES[this.model.name].includes(this.text);
      new Machine(holder, model, typed ? this.text : undefined).field.focus();
    }
  }
  return { Machine };
})();
