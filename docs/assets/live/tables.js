// Tables of numbers: each cell can be reached by the keyboard, is coloured by its value, and opens the sum behind it.
// What somebody has typed reaches the page as text alone, never as HTML.
"use strict";

/** @typedef {{value: number, place?: Place, weight?: Place, digits?: number}} Cell */
/** @typedef {{header: string, token?: number, cells: Cell[], dim?: boolean, strong?: boolean}} Row */
/**
 * @typedef {object} TableSettings
 * @property {string} caption
 * @property {string[]} columns
 * @property {[string, number][]} [groups]  Names over several columns.
 * @property {string} [corner]
 * @property {number} [digits]
 * @property {number} [scale]  The value that has the full colour.
 * @property {boolean} [map]  A map of attention: small cells, and no headers to look at but its own.
 */
/** @typedef {{look: (token: number) => void, hover: (token: number | null) => void, open: (from: Element, cell: Cell) => void}} Watcher */

const LiveTables = (() => {
  /** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Record<string, string | number>} [attributes] @param {(Node | string)[]} children @returns {HTMLElementTagNameMap[T]} */
  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    element.append(...children);
    return element;
  }

  /** A button that does something. @param {string} text @param {() => void} work @param {Record<string, string>} [attributes] */
  function button(text, work, attributes = {}) {
    const made = el("button", { type: "button", ...attributes }, text);
    made.addEventListener("click", work);
    return made;
  }

  /** A number as the book prints it. @param {number} value @param {number} [digits] */
  function shown(value, digits = 3) {
    const text = value.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }

  /** The colour of a number: blue above 0, orange below, and paler the nearer it is. @param {number} value @param {number} scale */
  function colour(value, scale) {
    const strength = (Math.min(1, Math.abs(value) / scale) * 0.5).toFixed(3);
    return value < 0 ? `rgb(217 102 43 / ${strength})` : `rgb(61 133 209 / ${strength})`;
  }

  class NumberTable {
    /** @param {Watcher} watcher @param {TableSettings} settings */
    constructor(watcher, settings) {
      this.watcher = watcher;
      this.settings = settings;
      /** @type {{tr: HTMLTableRowElement, th: HTMLTableCellElement, tds: HTMLTableCellElement[], texts: string[]}[]} */
      this.lines = [];
      /** @type {WeakMap<Element, Cell>} */
      this.cells = new WeakMap();
      /** @type {WeakMap<Element, number>} */
      this.tokens = new WeakMap();
      this.body = el("tbody");
      this.head = el("thead");
      this.caption = el("caption", {}, settings.caption);
      this.table = el("table", { class: settings.map ? "live-table live-map" : "live-table", role: "grid" }, this.caption, this.head, this.body);
      this.element = el("div", { class: "live-scroll" }, this.table);
      /** @type {string[]} */
      this.columns = [];
      this.setColumns(settings.columns, settings.groups);
      this.listen();
    }

    /** @param {string[]} columns @param {[string, number][]} [groups] */
    setColumns(columns, groups) {
      this.columns = columns;
      this.table.style.setProperty("--columns", String(columns.length));
      const header = (/** @type {string} */ text) => el("th", { scope: "col", role: "columnheader" }, text);
      const above = groups && el("tr", {}, el("td"), ...groups.map(([text, span]) => el("th", { colspan: span, scope: "colgroup", role: "columnheader" }, text)));
      this.head.replaceChildren(...(above ? [above] : []), el("tr", {}, this.settings.corner ? header(this.settings.corner) : el("td"), ...columns.map(header)));
    }

    /** @param {Row[]} rows @param {number} [focus]  The token that is looked at. */
    update(rows, focus) {
      const { digits = 3, scale = 2, map } = this.settings;
      while (this.lines.length > rows.length) this.lines.pop()?.tr.remove();
      rows.forEach((row, i) => {
        const line = this.lines[i] || this.addLine();
        if (line.th.textContent !== row.header) line.th.textContent = row.header;
        if (row.token === undefined) this.tokens.delete(line.tr);
        else this.tokens.set(line.tr, row.token);
        const names = [row.token !== undefined && row.token === focus && "focus", row.dim && "dim", row.strong && "strong"];
        const kind = names.filter(Boolean).join(" ");
        if (line.tr.className !== kind) line.tr.className = kind;
        while (line.tds.length > row.cells.length) line.tds.pop()?.remove();
        row.cells.forEach((cell, k) => {
          if (!line.tds[k]) {
            line.tds[k] = el("td", { role: "gridcell", tabindex: -1 });
            line.tr.append(line.tds[k]);
          }
          const td = line.tds[k];
          this.cells.set(td, cell);
          const text = shown(cell.value, cell.digits ?? digits);
          const key = `${text} ${cell.value < 0}`;
          if (line.texts[k] !== key) {
            line.texts[k] = key;
            td.textContent = map ? text.replace(/^0\./, ".") : text;
            td.style.backgroundColor = map && row.dim ? "" : colour(cell.value, scale);
          }
          if (td.classList.contains("weight") !== Boolean(cell.weight)) td.classList.toggle("weight", Boolean(cell.weight));
        });
      });
      if (!this.body.querySelector('[tabindex="0"]')) this.body.querySelector("td, th")?.setAttribute("tabindex", "0");
    }

    addLine() {
      const th = el("th", { scope: "row", role: "rowheader", tabindex: -1 });
      const tr = el("tr", {}, th);
      const line = { tr, th, tds: [], texts: [] };
      this.body.append(tr);
      this.lines.push(line);
      return line;
    }

    listen() {
      const at = (/** @type {Event} */ event) => /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("tbody td, tbody th"));
      const open = (/** @type {HTMLElement} */ cell) => {
        const token = cell.parentElement ? this.tokens.get(cell.parentElement) : undefined;
        const found = this.cells.get(cell);
        if (token !== undefined) this.watcher.look(token);
        if (found) this.watcher.open(this.element, found);
      };
      this.table.addEventListener("click", (event) => {
        const cell = at(event);
        if (!cell) return;
        this.goTo(cell);
        open(cell);
      });
      this.table.addEventListener("pointerover", (event) => {
        const row = at(event)?.parentElement;
        const token = row ? this.tokens.get(row) : undefined;
        if (event.pointerType === "mouse" && token !== undefined) this.watcher.hover(token);
      });
      this.table.addEventListener("pointerleave", () => this.watcher.hover(null));
      this.table.addEventListener("keydown", (event) => {
        const cell = at(event);
        const row = cell?.parentElement;
        if (!cell || !row) return;
        const column = [...row.children].indexOf(cell);
        const up = row.previousElementSibling?.children[column];
        const down = row.nextElementSibling?.children[column];
        /** @type {Record<string, Element | null | undefined>} */
        const ways = { ArrowLeft: cell.previousElementSibling, ArrowRight: cell.nextElementSibling, ArrowUp: up, ArrowDown: down, Home: row.children[0], End: row.lastElementChild };
        if (event.key === "Enter" || event.key === " ") open(cell);
        else if (event.key in ways) this.goTo(ways[event.key], true);
        else return;
        event.preventDefault();
        event.stopPropagation(); // elsewhere these keys go to another page
      });
    }

    /** Let the Tab key come to this cell. @param {Element | null | undefined} cell @param {boolean} [focus] */
    goTo(cell, focus = false) {
      if (!(cell instanceof HTMLElement)) return;
      for (const other of this.body.querySelectorAll('[tabindex="0"]')) other.setAttribute("tabindex", "-1");
      cell.setAttribute("tabindex", "0");
      if (focus) cell.focus();
    }
  }

  return { el, button, shown, colour, NumberTable };
})();
