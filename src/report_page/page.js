"use strict";
// Draws the tables. Every value of the outcome is set as text, never as markup.

const json = id => JSON.parse(document.getElementById(id).textContent);
const TEXTS = json("texts");
const BLOCK_ROWS = TEXTS.block_rows;
// The keys that values of these kinds have texts for.
const KINDS = ["status", "verified", "action", "grantee", "route"];
const PRINTED_ROWS = 1000;
// The classes of cells that are wider than others.
const WIDTHS = { user: "id", target: "id", object: "id", route: "id", status: "status", verified: "id", reason: "wide",
  action: "wide", reaches: "wide", note: "wide" };
const collator = new Intl.Collator(TEXTS.language, { numeric: true });

const fill = (text, ...values) => text.replace(/\{(\d)\}/g, (_, at) => values[at]);
const count = number => number.toLocaleString("en");
const say = (key, ...values) => fill(TEXTS.script[key], ...values);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Text whose direction of writing does not change what is next to it.
function isolated(text) {
  return element("bdi", "", text);
}

class Table {
  constructor(spec) {
    this.spec = spec;
    this.names = new Map(spec.columns.map((column, at) => [column.name, at]));
    this.blocks = [];
    for (const script of document.querySelectorAll(`script[data-block="${spec.name}"]`)) {
      this.blocks.push(JSON.parse(script.textContent));
      script.remove();
    }
    this.section = document.getElementById(spec.name);
    const find = selector => this.section.querySelector(selector);
    this.parts = { body: find("tbody"), shown: find(".shown"), at: find(".at"), search: find("input"),
      filter: find(".filter"), size: find(".size"), only: find(".only"),
      previous: find(".previous"), next: find(".next") };
    this.page = 0;
    this.only = null;
    this.sorted = null;
    this.ranks = new Map();
    this.listen();
    this.select();
    this.section.hidden = false;
  }

  listen() {
    const { search, filter, size, only, previous, next } = this.parts;
    let typing = 0;
    search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.select(), 120);
    });
    if (filter) filter.addEventListener("change", () => this.select());
    size.addEventListener("change", () => this.turnTo(0));
    only.addEventListener("click", () => this.showOnly(null));
    previous.addEventListener("click", () => this.turnTo(this.page - 1));
    next.addEventListener("click", () => this.turnTo(this.page + 1));
    for (const button of this.section.querySelectorAll(".sort"))
      button.addEventListener("click", () => this.sort(button));
  }

  value(row, column) {
    const [values, indexes] = this.blocks[Math.floor(row / BLOCK_ROWS)].c[column];
    const at = row % BLOCK_ROWS;
    return indexes ? values[indexes[at]] : values.length === 1 ? values[0] : values[at];
  }

  named(row, name) {
    return this.value(row, this.names.get(name));
  }

  // What a value of a column is called.
  label(column, value) {
    const { kind } = this.spec.columns[column];
    return KINDS.includes(kind) && value in TEXTS[kind] ? TEXTS[kind][value] : value;
  }

  // Keeps the rows of a block of which a column has a value that fits.
  keep(block, kept, columns, fits) {
    const hits = new Uint8Array(block.n);
    for (const column of columns) {
      const [values, indexes] = block.c[column];
      const fit = values.map(value => fits(value, column));
      if (!fit.includes(true)) continue;
      for (let at = 0; at < block.n; at++)
        if (fit[indexes ? indexes[at] : values.length === 1 ? 0 : at]) hits[at] = 1;
    }
    for (let at = 0; at < block.n; at++) kept[at] &= hits[at];
  }

  // Finds the rows that match the search, the filter and the user.
  select() {
    const terms = this.parts.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const filter = this.parts.filter ? this.parts.filter.value : "";
    const all = this.spec.columns.map((_, at) => at);
    const rows = [];
    this.blocks.forEach((block, number) => {
      const kept = new Uint8Array(block.n).fill(1);
      if (filter === "remaining")
        this.keep(block, kept, [this.names.get("action")], value => value !== "nothing");
      else if (filter) this.keep(block, kept, [this.names.get("status")], value => value === filter);
      for (const [name, wanted] of this.only ? this.only.values : [])
        this.keep(block, kept, [this.names.get(name)], value => value === wanted);
      for (const term of terms)
        this.keep(block, kept, all, (value, column) => value.toLowerCase().includes(term)
          || this.label(column, value).toLowerCase().includes(term));
      for (let at = 0; at < block.n; at++) if (kept[at]) rows.push(number * BLOCK_ROWS + at);
    });
    this.rows = Uint32Array.from(rows);
    this.order();
    this.turnTo(0);
  }

  showOnly(only) {
    this.only = only;
    this.parts.only.hidden = !only;
    if (only) this.parts.only.textContent = say("only", only.label);
    else this.parts.search.focus();
    this.select();
  }

  sort(button) {
    const at = Number(button.dataset.at);
    const isDescending = Boolean(this.sorted) && this.sorted.at === at && !this.sorted.isDescending;
    this.sorted = { at, isDescending };
    for (const heading of this.section.querySelectorAll("thead th")) heading.removeAttribute("aria-sort");
    button.closest("th").setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    this.order();
    this.turnTo(0);
  }

  order() {
    if (!this.sorted) {
      this.rows.sort();
      return;
    }
    const ranks = this.ranksOf(this.spec.shown[this.sorted.at].parts[0]);
    const sign = this.sorted.isDescending ? -1 : 1;
    this.rows.sort((one, other) => sign * (ranks[one] - ranks[other]) || one - other);
  }

  // For each row the place of its value among all values of the column.
  ranksOf(column) {
    if (this.ranks.has(column)) return this.ranks.get(column);
    const values = new Set();
    for (const block of this.blocks) for (const value of block.c[column][0]) values.add(value);
    const isNumber = this.spec.columns[column].kind === "number";
    const compare = isNumber ? (one, other) => Number(one) - Number(other) : collator.compare;
    const sorted = [...values].map(value => [isNumber ? value : this.label(column, value), value])
      .sort((one, other) => compare(one[0], other[0]));
    const places = new Map(sorted.map(([, value], place) => [value, place]));
    const ranks = new Uint32Array(this.blocks.length * BLOCK_ROWS);
    this.blocks.forEach((block, number) => {
      const [values, indexes] = block.c[column];
      const own = values.map(value => places.get(value));
      for (let at = 0; at < block.n; at++)
        ranks[number * BLOCK_ROWS + at] = own[indexes ? indexes[at] : values.length === 1 ? 0 : at];
    });
    this.ranks.set(column, ranks);
    return ranks;
  }

  turnTo(page) {
    const size = Number(this.parts.size.value);
    const pages = Math.max(1, Math.ceil(this.rows.length / size));
    this.page = Math.min(Math.max(page, 0), pages - 1);
    const first = this.page * size, end = Math.min(first + size, this.rows.length);
    this.draw(first, end);
    this.parts.shown.textContent = this.rows.length
      ? say("shown", count(first + 1), count(end), count(this.rows.length)) : say("none");
    this.parts.at.textContent = say("page", count(this.page + 1), count(pages));
    this.parts.previous.disabled = this.page === 0;
    this.parts.next.disabled = this.page === pages - 1;
  }

  draw(first, end) {
    const body = document.createDocumentFragment();
    for (let at = first; at < end; at++) body.append(this.line(this.rows[at]));
    this.parts.body.replaceChildren(body);
  }

  // The first rows, for the printer.
  print() {
    const end = Math.min(this.rows.length, PRINTED_ROWS);
    this.draw(0, end);
    if (end < this.rows.length)
      this.parts.shown.textContent = say("printed", count(end), count(this.rows.length));
  }

  line(row) {
    const line = element("tr");
    this.spec.shown.forEach((shown, at) => {
      const cell = element(at === 0 ? "th" : "td", shown.is_number ? "n" : "");
      if (at === 0) cell.scope = "row";
      if (WIDTHS[shown.name]) cell.className = WIDTHS[shown.name];
      const texts = shown.parts.map(column => this.label(column, this.value(row, column)));
      // A single user is the usual case, and an id may be its own name.
      const parts = texts.filter((text, at) => text !== "" && texts.indexOf(text) === at
        && !(this.spec.columns[shown.parts[at]].kind === "grantee" && text === TEXTS.grantee.user));
      if (shown.name === "status")
        cell.append(element("i", "mark b-" + this.value(row, shown.parts[0])));
      if (at === 0) parts[0] = this.button(row, parts[0] || "-", line);
      for (const part of parts) {
        const text = element("span", shown.name === "status" ? "" : "part");
        text.append(typeof part === "string" ? isolated(shown.is_number ? count(Number(part)) : part) : part);
        cell.append(text);
      }
      line.append(cell);
    });
    return line;
  }

  // The control in the first cell of a row.
  button(row, text, line) {
    if (this.spec.name === "routes") return text;
    const button = element("button", "row");
    button.type = "button";
    button.append(isolated(text));
    if (this.spec.name === "users") {
      button.setAttribute("aria-label", say("rows_of", text));
      button.addEventListener("click", () => showRowsOf(this, row, text));
    } else {
      button.setAttribute("aria-label", say("details", text));
      button.setAttribute("aria-expanded", "false");
      button.addEventListener("click", () => this.toggle(row, button, line));
    }
    return button;
  }

  // Shows or hides all columns of a row.
  toggle(row, button, line) {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) {
      line.nextElementSibling.remove();
      return;
    }
    const details = element("tr", "details"), cell = element("td"), list = element("dl", "facts");
    cell.colSpan = this.spec.shown.length;
    this.spec.columns.forEach((column, at) => {
      const value = this.label(at, this.value(row, at));
      if (value === "") return;
      const item = element("div"), term = element("dt"), text = element("dd");
      term.append(isolated(column.is_own ? column.name : TEXTS.column[column.name]));
      text.append(isolated(value));
      item.append(term, text);
      list.append(item);
    });
    cell.append(list);
    details.append(cell);
    line.after(details);
  }
}

const tables = new Map(json("tables").map(spec => [spec.name, new Table(spec)]));

// Shows only the rows of a user of the table of users.
function showRowsOf(users, row, label) {
  const rows = tables.get("rows");
  const values = ["user", "instance", "grantee"].map(name => [name, users.named(row, name)]);
  rows.parts.filter.value = "";
  rows.parts.search.value = "";
  rows.showOnly({ label, values });
  rows.section.focus();
  rows.section.scrollIntoView();
}

window.addEventListener("beforeprint", () => tables.forEach(table => table.print()));
window.addEventListener("afterprint", () => tables.forEach(table => table.turnTo(table.page)));
