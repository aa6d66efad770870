// Rows, filters and figures: all of what a page counts. Nothing here touches the document.
"use strict";

// no module: a browser loads none from a file
const Figures = (() => {
  function decode(query) {
    const names = Object.keys(query.columns);
    const values = names.map((name) => {
      const column = query.columns[name];
      return column.values ?? column.places.map((place) => (place === null ? null : column.known[place]));
    });
    return Array.from({ length: query.rows }, (_, row) => Object.fromEntries(names.map((name, place) => [name, values[place][row]])));
  }

  function filtered(rows, filters, state) {
    const { date, workflow, channel } = filters;
    // a month counts as soon as one of its days does
    const from = date === "month" && state.from ? `${state.from.slice(0, 7)}-01` : state.from;
    return rows.filter((row) => {
      const day = date ? row[date]?.slice(0, 10) : undefined;
      return (
        (!date || ((!from || day >= from) && (!state.to || day <= state.to))) &&
        (!workflow || !state.workflow || row[workflow] === state.workflow) &&
        (!channel || !state.channel || row[channel] === state.channel)
      );
    });
  }

  function matching(rows, where) {
    if (!where) return rows;
    const asked = Object.entries(where).map(([name, wanted]) => [name, Array.isArray(wanted) ? wanted : [wanted]]);
    return rows.filter((row) => asked.every(([name, wanted]) => wanted.includes(row[name])));
  }

  const present = (rows, column) => rows.map((row) => row[column]).filter((value) => value !== null && value !== undefined);
  const total = (values) => (values.length ? values.reduce((sum, value) => sum + Number(value), 0) : null);
  const extreme = (values, is_better) => values.reduce((best, value) => (best === null || is_better(value, best) ? value : best), null);

  const AGGREGATES = {
    sum: (rows, column) => total(present(rows, column)),
    avg: (rows, column) => {
      const values = present(rows, column);
      return values.length ? total(values) / values.length : null;
    },
    min: (rows, column) => extreme(present(rows, column), (one, other) => one < other),
    max: (rows, column) => extreme(present(rows, column), (one, other) => one > other),
    first: (rows, column, date) => total(present(on_day(rows, date, (one, other) => one < other), column)),
    last: (rows, column, date) => total(present(on_day(rows, date, (one, other) => one > other), column)),
    latest: (rows, column, date) => extreme(present(on_day(rows, date, (one, other) => one > other), column), (one, other) => one > other),
  };

  function on_day(rows, date, is_better) {
    if (!date) return rows;
    const day = extreme(present(rows, date), is_better);
    return rows.filter((row) => row[date] === day);
  }

  const OPERATORS = {
    "+": (left, right) => left + right,
    "-": (left, right) => left - right,
    "*": (left, right) => left * right,
    "/": (left, right) => (right === 0 ? null : left / right),
  };

  function evaluate(measure, rows, date) {
    const [kind, ...parts] = measure;
    if (kind === "number") return parts[0];
    if (kind === "count") return rows.length;
    if (kind === "coalesce") return evaluate(parts[0], rows, date) ?? evaluate(parts[1], rows, date);
    if (kind in OPERATORS) {
      const [left, right] = parts.map((part) => evaluate(part, rows, date));
      return left === null || right === null ? null : OPERATORS[kind](left, right);
    }
    return AGGREGATES[kind](rows, parts[0], date);
  }

  function grouped(rows, columns) {
    const groups = new Map();
    for (const row of rows) {
      const key = JSON.stringify(columns.map((column) => row[column]));
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(row);
    }
    return [...groups].map(([key, members]) => [JSON.parse(key), members]);
  }

  // of values that each stand for so many
  function median(rows, column, weight) {
    const known = rows.filter((row) => row[column] !== null).sort((one, other) => one[column] - other[column]);
    const half = total(known.map((row) => row[weight])) / 2;
    let passed = 0;
    for (const row of known) {
      passed += row[weight];
      if (passed >= half) return row[column];
    }
    return null;
  }

  const SHORT = { sms: "SMS", cpc: "CPC", crm: "CRM", vip: "VIP", whatsapp: "WhatsApp" };

  // without the marks of programs
  const plain = (value) => (value === "none" ? NOTHING : String(value).replaceAll("_", " ").replace(/(?<![\w.@-])(sms|cpc|crm|vip|whatsapp)(?![\w.@-])/g, (word) => SHORT[word]));

  // and with a capital, but for a domain
  const spoken = (value) => {
    const text = plain(value);
    return /^[a-z]/.test(text) && !/[.@]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  };

  // what comes in no known currency says so
  const in_currency = (currency) => (currency === "none" ? " in no known currency" : currency ? ` ${currency}` : "");

  const NUMBER = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0, signDisplay: "negative" });
  const DECIMAL = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "negative" });
  const ONE = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "negative" });
  const SMALL = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 4, maximumFractionDigits: 4, signDisplay: "negative" });
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const NOTHING = "–";

  const FORMATS = {
    number: (value) => NUMBER.format(value),
    decimal: (value, currency) => `${DECIMAL.format(value)}${in_currency(currency)}`,
    percent: (value) => `${ONE.format(100 * value)} %`,
    points: (value) => `${value > 0 ? "+" : ""}${ONE.format(100 * value)} pp`,
    money: (value, currency) => `${NUMBER.format(value)}${in_currency(currency)}`,
    // what costs little is not free
    cost: (value, currency) => `${value > 0 && value < 0.00005 ? "under 0.0001" : SMALL.format(value)}${in_currency(currency)}`,
    megabytes: (value) => `${ONE.format(value)} MB`,
    hours: (value) => hours(value),
    seconds: (value) => (value < 120 ? `${ONE.format(value)} s` : `${ONE.format(value / 60)} min`),
    times: (value, currency) => `${DECIMAL.format(value)} ×${currency ? ` in ${currency}` : ""}`,
    // a p that is small is never none
    probability: (value) => (value < 0.00005 ? "under 0.0001" : SMALL.format(value)),
    text: (value, currency) => `${currency ? `${currency}: ` : ""}${spoken(value)}`,
    month: (value) => `${MONTHS[Number(String(value).slice(5, 7)) - 1]} ${String(value).slice(0, 4)}`,
    moment: (value) => `${value} UTC`,
  };

  const shown = (value, format = "number", currency) =>
    value === null || value === undefined || Number.isNaN(value) ? NOTHING : FORMATS[format](value, currency);

  function hours(value) {
    if (value < 1) return "under 1 h";
    const whole = Math.round(value);
    if (whole < 48) return `${whole} h`;
    const [days, rest] = [Math.floor(whole / 24), whole % 24];
    return `${NUMBER.format(days)} d${rest && days < 7 ? ` ${rest} h` : ""}`;
  }

  return { decode, filtered, matching, evaluate, grouped, median, plain, spoken, shown, hours };
})();
