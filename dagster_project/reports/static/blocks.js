// How each kind of block shows its rows.
"use strict";

const Blocks = (() => {
  const { evaluate, grouped, matching, median, plain, shown, hours } = Figures;

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  // a share is written otherwise than money, where one column has both
  const format_of = (figure, rows) => (figure.format?.by ? figure.format[rows[0]?.[figure.format.by]] : figure.format);

  // figures of several currencies are never added up
  function figure_texts(figure, rows, date) {
    const asked = matching(rows, figure.where);
    if (!figure.per) return [shown(evaluate(figure.measure, asked, date), format_of(figure, asked))];
    const texts = grouped(asked, [figure.per])
      .filter(([[currency]]) => currency !== null)
      .sort(([one], [other]) => (one[0] < other[0] ? -1 : 1))
      .map(([[currency], members]) => shown(evaluate(figure.measure, members, date), figure.format, currency))
      .filter((text) => text !== "–");
    return texts.length ? texts : ["–"];
  }

  const figure_value = (figure, rows, date) => evaluate(figure.measure, matching(rows, figure.where), date);

  function is_alarming(figure, rows, date) {
    const { alarm } = figure;
    const value = alarm === undefined ? null : figure_value(figure, rows, date);
    if (value === null || typeof alarm === "number") return value !== null && value > alarm;
    // of few messages one complaint says nothing
    return value >= alarm.from && evaluate(figure.measure[2], matching(rows, figure.where), date) >= alarm.least;
  }

  function behind(page, drill, key, text) {
    const rows = page.behind(drill, key);
    if (!rows || !rows.length) return text;
    const button = element("button", { class: "behind", type: "button", "aria-haspopup": "dialog" }, text);
    button.addEventListener("click", () => page.list(drill, rows, key));
    return button;
  }

  // as many in a row as leave the fewest places empty
  function columns_for(number) {
    if (number <= 6) return number < 4 ? 4 : number;
    return [6, 5, 4].reduce((best, columns) => ((-number % columns) + columns) % columns < ((-number % best) + best) % best ? columns : best);
  }

  function tiles(block, _, page, inside) {
    const list = block.figures.map((figure) => {
      const query = figure.from ?? block.query;
      const rows = page.rows(query, block);
      const trouble = page.trouble(query);
      const date = page.date(query);
      const texts = trouble ? ["–"] : figure_texts(figure, rows, date);
      const alarm = !trouble && is_alarming(figure, rows, date);
      const said = texts.join(" · ");
      const value = element("dd", { class: texts.length > 1 || said.length > 12 ? "several" : undefined }, figure.drill ? behind(page, figure.drill, {}, said) : said);
      const about = trouble ?? figure.about;
      const ignored = page.ignored(query);
      return element(
        "div",
        { class: alarm ? "tile alarm" : "tile", "data-label": figure.label },
        element("dt", {}, figure.label),
        value,
        about ? element("p", {}, about) : null,
        ignored.length ? element("p", { class: "unfiltered" }, `not by ${ignored.join(", ")}`) : null,
      );
    });
    const holder = element("dl", { class: "inside", style: `--columns: ${columns_for(list.length)}` }, ...list);
    inside.replaceWith(holder);
    return holder;
  }

  // how a figure went, day by day
  function trend(figure, rows, date) {
    const values = grouped(matching(rows, figure.where), [date])
      .sort(([[one]], [[other]]) => (one < other ? -1 : 1))
      .map(([, members]) => evaluate(figure.measure, members, date))
      .filter((value) => value !== null);
    if (values.length < 2) return "–";
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const at = (value, place) => [((place / (values.length - 1)) * 92 + 2).toFixed(1), (most === least ? 11 : 20 - (18 * (value - least)) / (most - least)).toFixed(1)];
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of Object.entries({ class: "trend", width: 96, height: 22, viewBox: "0 0 96 22", role: "img", "aria-label": `from ${shown(values[0])} to ${shown(values.at(-1))}` })) drawn.setAttribute(name, value);
    const line = document.createElementNS(drawn.namespaceURI, "polyline");
    line.setAttribute("points", values.map((value, place) => at(value, place).join(",")).join(" "));
    const end = document.createElementNS(drawn.namespaceURI, "circle");
    const [x, y] = at(values.at(-1), values.length - 1);
    for (const [name, value] of Object.entries({ cx: x, cy: y, r: 2 })) end.setAttribute(name, value);
    drawn.append(line, end);
    return drawn;
  }

  const orders = new WeakMap();

  function table(block, rows, page, inside) {
    const by = block.by.map((column) => column.column);
    // numbers as numbers, and not as text
    const across = block.across ? [...new Set(rows.map((row) => row[block.across]))].sort((one, other) => (one < other ? -1 : 1)) : [null];
    const figures = across.flatMap((value) =>
      block.figures.map((figure) => ({
        ...figure,
        label: value === null ? figure.label : block.figures.length > 1 ? `${page.spoken(value)}: ${figure.label}` : page.spoken(value),
        where: value === null ? figure.where : { ...figure.where, [block.across]: value },
        across: value === null ? {} : { [block.across]: value },
      })),
    );
    const lines = grouped(rows, by).map(([key, members]) => ({
      key,
      members,
      values: figures.map((figure) => figure_value(figure, members, page.date(block.query))),
    }));
    const heads = [...block.by.map((column) => column.label), ...figures.map((figure) => figure.label)];
    const stated = block.order ?? (figures.length ? `-${figures[0].label}` : heads[0]);
    const wanted = heads.indexOf(stated.replace(/^-/, ""));
    const order = orders.get(block) ?? { place: wanted < 0 ? by.length : wanted, descends: stated.startsWith("-") };
    const cell = (line) => (order.place < by.length ? line.key[order.place] : line.values[order.place - by.length]);
    const compare = (one, other) => {
      const [left, right] = [cell(one), cell(other)];
      if (left === null || right === null) return (left === null) - (right === null);
      return (left < right ? -1 : left > right ? 1 : 0) * (order.descends ? -1 : 1);
    };
    lines.sort(compare);
    const limit = block.limit ?? 25;
    const most = figures.map((_, place) => Math.max(...lines.map((line) => Math.abs(line.values[place] ?? 0)), 0));

    const head = heads.map((label, place) => {
      const button = element("button", { type: "button" }, label);
      button.addEventListener("click", () => {
        orders.set(block, { place, descends: order.place === place ? !order.descends : place >= by.length });
        table(block, rows, page, inside);
      });
      const sort = order.place === place ? (order.descends ? "descending" : "ascending") : undefined;
      return element("th", { scope: "col", class: place >= by.length && figures[place - by.length].format !== "text" ? "figure" : undefined, "aria-sort": sort }, button);
    });
    const body = lines.slice(0, limit).map((line) => {
      const named = line.key.map((value, place) => {
        const column = block.by[place];
        const text = value === null ? page.spoken(column.none ?? "–") : column.format ? shown(value, column.format) : page.spoken(value);
        const content = column.link && value !== null ? element("a", { "data-page": "", href: `${column.link}-${value}.html` }, text) : text;
        return place === 0 ? element("th", { scope: "row", class: text.length > 40 ? "long" : text.length > 18 ? "broad" : undefined }, content) : element("td", { class: text.length > 28 ? "long" : undefined }, content);
      });
      const key = Object.fromEntries(by.map((column, place) => [column, line.key[place]]));
      const values = figures.map((figure, place) => {
        const value = line.values[place];
        if (figure.format === "trend") return element("td", { class: "figure" }, trend(figure, line.members, page.date(block.query)));
        const text = figure_texts(figure, line.members, page.date(block.query)).join(" · ");
        const drill = value ? (figure.drill ?? (place === 0 ? block.drill : undefined)) : undefined;
        const has_bar = (figure.format ?? "number") === "number" && most[place] > 0 && value / most[place] > 0.1 && place === 0 && lines.length > 1;
        const classes = `${figure.format === "text" ? `said${text.length > 40 ? " long" : ""}` : "figure"}${has_bar ? " bar" : ""}${is_alarming(figure, line.members, page.date(block.query)) ? " bad" : ""}`;
        const made = element("td", { class: classes }, drill ? behind(page, drill, { ...key, ...figure.across }, text) : text);
        if (has_bar) made.append(element("i", { style: `width: calc((100% - 4px) * ${(value / most[place]).toFixed(3)})`, "aria-hidden": "true" }));
        return made;
      });
      return element("tr", {}, ...named, ...values);
    });
    const caption = `${block.title ?? "Table"}, by ${block.by.map((column) => column.label).join(", ")}`;
    const grid = element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
    const box = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, grid);
    inside.replaceChildren(box);
    if (lines.length > limit) inside.append(element("p", { class: "more" }, `The first ${limit} of ${lines.length}.`));
    return inside;
  }

  const views = new WeakMap();

  // a day is a day in every zone, and a moment is UTC
  const local = (text) => new Date(...text.split(/[-: ]/).map((part, place) => Number(part) - (place === 1 ? 1 : 0)));

  const stated = (spec, name) => spec.encoding?.[name] ?? spec.layer?.map((part) => stated(part, name)).find(Boolean);

  // a number, or so much for each name of its axis
  function height_of(block, values) {
    if (!block.height?.step) return block.height ?? 230;
    return block.height.step * new Set(values.map((row) => row[stated(block.spec, "y").field])).size;
  }

  // as many names of series in a row as there is room for beside those of an axis
  function legend_columns(spec, values, width) {
    const colour = stated(spec, "color");
    if (!colour) return 1;
    const names = colour.scale?.domain ?? values.map((row) => String(row[colour.field]));
    const room = width - (stated(spec, "y")?.type === "nominal" ? 130 : 60);
    return Math.max(1, Math.floor(room / (Math.min(112, 6.6 * Math.max(...names.map((name) => name.length))) + 30)));
  }

  function chart_config(columns) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = { labelColor: colour("soft"), titleColor: colour("soft"), titleFontWeight: 500, domainColor: colour("line"), tickColor: colour("line"), gridColor: colour("line"), labelFontSize: 11, titleFontSize: 11 };
    return {
      background: "transparent",
      font: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
      view: { stroke: null },
      axis: { ...axis, labelLimit: 190, labelOverlap: "greedy", labelSeparation: 10 },
      axisX: { grid: false },
      axisY: { domain: false, ticks: false, labelPadding: 6 },
      legend: { labelColor: colour("soft"), titleColor: colour("soft"), orient: "top", title: null, labelFontSize: 12, symbolType: "circle", columns, labelLimit: 112 },
      header: { labelColor: colour("soft"), titleColor: colour("soft") },
      title: { color: colour("text") },
      range: { category: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((number) => colour(`c${number}`)), heatmap: [colour("accent-soft"), colour("accent")], ramp: [colour("accent-soft"), colour("accent")] },
      mark: { color: colour("c1") },
      bar: { color: colour("c1"), cornerRadiusEnd: 3 },
      line: { color: colour("c1"), strokeWidth: 2.25, interpolate: "monotone" },
      area: { color: colour("c1"), fillOpacity: 0.18, line: true, interpolate: "monotone" },
      point: { color: colour("c1"), filled: true, size: 60 },
      rule: { color: colour("soft") },
      text: { color: colour("text") },
    };
  }

  async function chart(block, rows, page, inside) {
    views.get(inside)?.finalize();
    const kinds = page.kinds(block.query);
    const values = rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value === null ? null : ["date", "moment"].includes(kinds[name]) ? local(value) : kinds[name] === "text" ? plain(value) : value]),
      ),
    );
    const spec = { width: "container", height: height_of(block, values), autosize: { type: "fit-x", contains: "padding" }, ...block.spec, data: { values } };
    inside.replaceChildren();
    // `ast`: expressions are read, and never become code, which the page's policy forbids
    const made = await vegaEmbed(inside, spec, { mode: "vega-lite", actions: false, renderer: "svg", ast: true, config: chart_config(legend_columns(spec, values, inside.clientWidth)), tooltip: { theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" } });
    views.set(inside, made);
    const drawing = inside.querySelector("svg");
    drawing?.setAttribute("role", "img");
    drawing?.setAttribute("aria-label", `${block.title ?? "Chart"}. ${block.note ?? ""}`.trim());
    return inside;
  }

  const sum = (rows) => rows.reduce((whole, row) => whole + row.enrollments, 0);
  const share = (part, whole) => (whole ? `${Math.round((100 * part) / whole)} %` : "–");

  // a text of a drawing is no button by itself
  function lead_on(page, text, drill, key) {
    const people = drill && text.textContent ? page.behind(drill, key) : null;
    const show = people?.length ? () => page.list(drill, people, key) : null;
    text.classList.toggle("behind-me", Boolean(show));
    for (const [name, value] of Object.entries({ tabindex: "0", role: "button", "aria-haspopup": "dialog" })) show ? text.setAttribute(name, value) : text.removeAttribute(name);
    text.onclick = show;
    text.onkeydown = show ? (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), show()) : null;
  }

  const leads_on = (inside, step, branch) =>
    [...inside.querySelectorAll(`.edge[data-from="${step}"]`)].some((edge) => !edge.dataset.branch || edge.dataset.branch === branch);

  function journey(block, rows, page, inside) {
    const entered = sum(rows.filter((row) => row.to_step === "entered"));
    for (const node of inside.querySelectorAll(".node")) {
      const step = node.dataset.step;
      const write = (name, text) => (node.querySelector(`.${name}`).textContent = text);
      const reached = sum(rows.filter((row) => row.to_step === step));
      const stayed = rows.filter((row) => row.from_step === step && row.to_step === null);
      const left = sum(stayed.filter((row) => row.outcome === "left"));
      const converted = sum(stayed.filter((row) => row.exit_reason === "converted"));
      const held_out = sum(stayed.filter((row) => row.outcome === "still there" && row.assignment === "holdout"));
      const there = sum(stayed.filter((row) => row.outcome === "still there")) - held_out;
      write("reached", shown(reached));
      // one below the other from the foot of the step up, beside the number that may be long
      let foot = 88;
      const stand = (name, parts) => {
        const text = node.querySelector(`.${name}`);
        const lines = parts.filter(([number]) => number).reverse().map(([number, what]) => {
          const line = document.createElementNS(text.namespaceURI, "tspan");
          for (const [side, place] of Object.entries({ x: 183, y: foot })) line.setAttribute(side, place);
          line.textContent = `${shown(number)} ${what}`;
          foot -= 12.5;
          return line;
        });
        text.replaceChildren(...lines.reverse());
      };
      // no way leads on from there
      const done = sum(stayed.filter((row) => row.outcome === "still there" && row.assignment !== "holdout" && !leads_on(inside, step, row.branch)));
      stand("held", [[held_out, "held out"]]);
      stand("stay", [[there - done, "waiting"], [done, "done"]]);
      stand("left", [[converted, "at the goal"], [left - converted, "left"]]);
      lead_on(page, node.querySelector(".left"), block.left_drill, { step });
      lead_on(page, node.querySelector(".stay"), block.drill, { step });
      node.setAttribute("aria-label", `${page.spoken(step)}: ${shown(reached)} reached it, ${shown(left)} left`);
    }
    for (const edge of inside.querySelectorAll(".edge")) {
      const { from, to, branch } = edge.dataset;
      const went = rows.filter((row) => row.from_step === from && row.to_step === to && (!branch || row.branch === branch));
      const at_start = sum(rows.filter((row) => row.to_step === from));
      const number = sum(went);
      const wait = median(went, "wait_hours", "enrollments");
      edge.querySelector(".first").textContent = `${branch ? `${branch}: ` : ""}${shown(number)}`;
      // where ways part, who drops off belongs to none of them
      const gone = sum(rows.filter((row) => row.from_step === from && row.outcome === "left"));
      edge.querySelector(".first").textContent += number ? ` · ${share(number, at_start)}` : "";
      const drop_off = branch ? "" : `${share(gone, at_start)} drop off · `;
      edge.querySelector(".second").textContent = number ? `${drop_off}${hours(wait)}` : "nobody yet";
      const widest = Math.max(...[...edge.querySelectorAll("text")].map((text) => text.textContent.length)) * 6.6 + 14;
      const plate = edge.querySelector(".plate");
      plate.setAttribute("width", widest);
      plate.setAttribute("x", -widest / 2);
      const way = inside.querySelector(`.way[data-edge="${edge.dataset.edge}"]`);
      way.classList.toggle("unused", !number);
      way.style.strokeWidth = number ? `${(1.5 + (9 * number) / Math.max(entered, 1)).toFixed(1)}px` : "1.5px";
    }
    const exits = grouped(rows.filter((row) => row.exit_reason !== null), ["exit_reason"]).sort((one, other) => sum(other[1]) - sum(one[1]));
    const told = exits.map(([[reason], members]) => `${shown(sum(members))} ${reason === "converted" ? "reached the goal" : `left: ${plain(reason)}`} (${share(sum(members), entered)}, after ${hours(median(members, "wait_hours", "enrollments"))})`);
    const legend = inside.parentElement.querySelector(".legend");
    legend.textContent = told.length
      ? `Of ${shown(entered)} who entered, ${told.join("; ")}. The time is the median since the last step.`
      : entered ? `${shown(entered)} entered; nobody has left yet.` : "Nobody has entered yet.";
    // the entry in the middle of what is seen
    if (!inside.dataset.placed) inside.scrollLeft = (inside.scrollWidth - inside.clientWidth) / 2;
    inside.dataset.placed = "yes";
    return inside;
  }

  return { element, tiles, table, chart, journey };
})();
