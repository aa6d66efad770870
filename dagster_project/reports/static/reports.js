// A page: its filters, kept in the address, and its blocks, which follow them.
"use strict";

(() => {
  const { decode, filtered, matching, spoken } = Figures;
  const { element } = Blocks;
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("filters");
  const dialog = document.getElementById("behind");

  for (const asked of [...Object.values(data.queries), ...Object.values(data.drills)]) asked.all = asked.columns ? decode(asked) : [];

  const own = Object.values(data.queries).filter((query) => query.filters);
  const values_of = (name) => [...new Set(own.flatMap((query) => (query.filters[name] ? query.all.map((row) => row[query.filters[name]]) : [])))].filter((value) => value !== null && value !== undefined).sort();
  const days = values_of("date").map((day) => day.slice(0, 10));
  const bounds = { first: days[0] ?? "", last: days.at(-1) ?? "" };

  // of what is not known nothing can be drawn
  const shown_in = (rows, block) => matching(rows, block.where).filter((row) => block.known === undefined || row[block.known] !== null);

  const page = {
    spoken,
    date: (query) => data.queries[query].filters?.date,
    rows: (query, block) => (data.queries[query].filters ? shown_in(filtered(data.queries[query].all, data.queries[query].filters, state()), block) : []),
    trouble: (query) => data.queries[query].error ?? (data.queries[query].missing ? `Nothing yet: ${data.queries[query].missing}` : undefined),
    ignored: (query) => ignored_by(data.queries[query]),
    kinds: (query) => Object.fromEntries(Object.entries(data.queries[query].columns).map(([name, column]) => [name, column.kind])),
    behind(name, key) {
      const drill = data.drills[name];
      if (!drill || (drill.now && state().to)) return null;
      const rows = filtered(drill.all, drill.filters, state());
      return rows.filter((row) => drill.by.every((column) => !(column in key) || row[column] === key[column]));
    },
    list(name, rows, key) {
      const drill = data.drills[name];
      const ids = Object.keys(drill.columns).filter((column) => column.endsWith("_id"));
      dialog.querySelector("h2").textContent = Object.values(key).filter((value) => value !== null).map(spoken).join(", ") || "Contacts behind this number";
      // each once, however often and for however many reasons
      rows = [...new Map(rows.map((row) => [ids.map((id) => row[id]).join(), row])).values()].slice(0, drill.limit);
      dialog.querySelector(".note").replaceChildren(`${rows.length} listed, at most ${drill.limit} of each number. `, element("code", {}, "hourbell explain"), " tells what each of them got, and why.");
      dialog.querySelector("ol").replaceChildren(...rows.map((row) => element("li", {}, ...ids.flatMap((id) => [element("code", {}, id === "contact_id" ? `hourbell explain ${row[id]}` : `${id} ${row[id]}`), " "]))));
      dialog.showModal();
    },
  };

  const FILTERED_BY = { date: ["from", "to"], workflow: ["workflow"], channel: ["channel"] };
  const offered = data.filters.flatMap((name) => FILTERED_BY[name]);

  // all that was chosen, on whichever page
  function chosen() {
    const stated = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(Object.values(FILTERED_BY).flat().map((name) => [name, stated.get(name) ?? ""]));
  }

  // what a page does not offer goes along to the next one, and hides nothing that nobody could bring back
  const state = () => Object.fromEntries(Object.entries(chosen()).map(([name, value]) => [name, offered.includes(name) ? value : ""]));

  function remember(changes) {
    const kept = Object.entries({ ...chosen(), ...changes }).filter(([, value]) => value);
    const hash = new URLSearchParams(kept).toString();
    // an address without anything after # would scroll to the top
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    show();
  }

  function fill_in() {
    if (!form) return;
    const now = state();
    for (const name of ["workflow", "channel"]) {
      const select = form.elements[name];
      if (!select) continue;
      const listed = [...select.options].map((option) => option.value);
      // what was chosen on another page, too, if this one has nothing of it
      const named = new Set([...values_of(name), now[name]]);
      select.append(...[...named].filter((value) => !listed.includes(value)).map((value) => element("option", { value }, spoken(value))));
      select.value = now[name];
      // where there is nothing to choose from
      select.closest("label").hidden = select.options.length === 1;
    }
    if (form.elements.from) {
      for (const part of [form.elements.from.closest("label"), form.elements.to.closest("label"), form.querySelector(".spans")]) part.hidden = !days.length;
      for (const name of ["from", "to"]) {
        form.elements[name].min = bounds.first;
        form.elements[name].max = bounds.last;
      }
      form.elements.from.value = now.from || bounds.first;
      form.elements.to.value = now.to || bounds.last;
      for (const button of form.querySelectorAll("[data-days]")) button.setAttribute("aria-pressed", String(now.from === since(button.dataset.days) && !now.to));
    }
    form.hidden = !form.querySelector("label:not([hidden])");
    form.querySelector("[type=reset]").hidden = !Object.values(now).some(Boolean);
  }

  function since(number) {
    if (number === "0" || !bounds.last) return "";
    const day = new Date(`${bounds.last}T00:00:00Z`);
    day.setUTCDate(day.getUTCDate() - Number(number) + 1);
    const text = day.toISOString().slice(0, 10);
    return text < bounds.first ? bounds.first : text;
  }

  function ignored_by(query) {
    const now = state();
    const asks = Object.entries(FILTERED_BY).filter(([name, parts]) => data.filters.includes(name) && parts.some((part) => now[part]));
    return asks.map(([name]) => name).filter((name) => query.filters && !query.filters[name]);
  }

  async function show_block(block, section) {
    const inside = section.querySelector(".inside");
    if (!inside) return;
    const is_tiles = block.kind === "tiles";
    const trouble = block.error ?? (is_tiles ? undefined : page.trouble(block.query));
    if (trouble) {
      inside.replaceChildren(element("p", { class: block.error ?? data.queries[block.query].error ? "failed" : "empty" }, trouble));
      return;
    }
    const rows = page.rows(block.query, block);
    if (!rows.length && !is_tiles && block.kind !== "journey") {
      const is_hidden = shown_in(data.queries[block.query].all, block).length;
      inside.replaceChildren(element("p", { class: "empty" }, is_hidden ? "Nothing in this selection." : (block.empty ?? "Nothing yet.")));
    } else {
      await Blocks[block.kind](block, rows, page, inside);
    }
    section.querySelector(":scope > .unfiltered")?.remove();
    const ignored = is_tiles ? [] : ignored_by(data.queries[block.query]);
    if (ignored.length) section.append(element("span", { class: "unfiltered" }, `Not filtered by ${ignored.join(", ")}`));
  }

  let turn = Promise.resolve();
  let asked = 0;

  function show() {
    fill_in();
    for (const link of document.querySelectorAll("a[data-page]")) link.hash = location.hash;
    const mine = ++asked;
    // charts are drawn one after the other, and not for filters that have changed since
    turn = turn.then(async () => {
      document.body.dataset.state = "drawing";
      for (const [place, block] of data.blocks.entries()) {
        if (mine !== asked) return;
        if (block.kind !== "text") await show_block(block, document.getElementById(`block-${place}`));
      }
      for (const link of document.querySelectorAll("a[data-page]")) link.hash = location.hash;
      document.body.dataset.state = "drawn";
    });
  }

  form?.addEventListener("submit", (event) => event.preventDefault());
  form?.addEventListener("reset", (event) => {
    event.preventDefault();
    remember({ from: "", to: "", workflow: "", channel: "" });
  });
  form?.addEventListener("change", (event) => {
    const { name, value } = event.target;
    const whole = { from: bounds.first, to: bounds.last }[name];
    remember({ [name]: value === whole ? "" : value });
  });
  for (const button of form?.querySelectorAll("[data-days]") ?? []) {
    button.addEventListener("click", () => remember({ from: since(button.dataset.days), to: "" }));
  }
  addEventListener("hashchange", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  const menu = document.querySelector(".menu");
  if (matchMedia("(max-width: 820px)").matches) menu.open = false;
  show();
})();
