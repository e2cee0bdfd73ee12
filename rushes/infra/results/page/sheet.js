/* The contact sheet. Plain script, no library: it must run from file://, where modules and fetch are barred.
 * Everything shown is set as text or attribute, never as markup: file names are not to be trusted. */
"use strict";

const D = JSON.parse(document.getElementById("data").textContent);
const PAGE = 60;
const CHIPS = 4;
const SEARCH_HITS = 200;
const THUMB_PIXELS = 320;
const SHARP_PIXELS = 90;

const DECISIONS = {
  joined: "close enough to this cluster's mean",
  founded: "unlike all that was known: it began this cluster",
  noise: "not sure enough: it waits in the noise bucket",
  promoted: "waited in noise until a second one like it came",
  merged: "came here when two clusters became one",
  split: "came here when a cluster was divided",
  moved: "a person put it here",
  confirmed: "a person said it is right here",
  rejected: "a person said it does not belong where it was",
  undone: "an earlier correction was taken back",
  displaced: "a better match of the same frame took its place",
  remapped: "carried over to a new model",
};

/* ---- small DOM builder ------------------------------------------------------------------------------------- */

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

const number = new Intl.NumberFormat("en-US");
const count = (n, one, many) => `${number.format(n)} ${n === 1 ? one : many}`;
const figure = (value) => (value === null ? "–" : value.toFixed(3));

/* Control characters of a file name would be invisible: they are shown as symbols. */
function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu, (c) => {
    const code = c.codePointAt(0);
    return code < 32 ? String.fromCodePoint(0x2400 + code) : code === 127 ? "\u2421" : "\ufffd";
  });
}
const baseName = (path) => visible(path.split("/").pop() || path);

/* ---- data in parts ----------------------------------------------------------------------------------------- */

const arrived = { items: new Map(), clusters: new Map(), files: new Map() };
const asked = new Map();

window.rushes = {
  part(kind, index, rows) {
    arrived[kind].set(index, rows);
  },
};

function load(kind, index) {
  if (arrived[kind].has(index)) return Promise.resolve(arrived[kind].get(index));
  const key = `${kind}/${index}`;
  if (!asked.has(key)) {
    asked.set(key, new Promise((resolve, reject) => {
      const script = el("script", { src: `sheet/${D.parts[kind][index]}` });
      script.onload = () => { script.remove(); resolve(arrived[kind].get(index)); };
      script.onerror = () => {
        script.remove();
        asked.delete(key);
        reject(new Error("A part of this sheet is missing. It may have been written anew: reload the page."));
      };
      document.head.append(script);
    }));
  }
  return asked.get(key);
}

/* CLUSTER_COLUMNS: id, short, kind, name, status, first, count, links, cover */
function clusterFrom(row, index) {
  const [id, short, kind, name, status, first, size, links, cover] = row;
  const noun = D.kinds[kind].one;
  return {
    index, id, short, kind: D.kinds[kind], name, status, first, size, links,
    label: name ? visible(name) : `${noun} ${short}`,
    cover: cover && { image: cover[0], thumb: cover[1], box: cover[2], path: cover[3], time: cover[4] },
  };
}

async function cluster(index) {
  if (index === null) return null;
  const held = D.clusters[index];
  if (held) return clusterFrom(held, index);
  const rows = await load("clusters", Math.floor(index / D.sizes.clusters));
  return clusterFrom(rows[index % D.sizes.clusters], index);
}

/* ITEM_COLUMNS: id, kind, media, time, cluster, parent, decision, similarity, image, thumb, box, nearest, mates,
 * model, frame, pinned */
function itemFrom(part, place) {
  const row = part.rows[place % D.sizes.items];
  const [id, kind, media, time, of, parent, decision, similarity, image, thumb, box, nearest, mates, model, frame,
    pinned] = row;
  const link = (split) => split && (part.folders[split[0]] ? `${part.folders[split[0]]}/${split[1]}` : split[1]);
  const [mediaId, paths, reel] = part.media[media];
  return {
    place, id, kind: D.kinds[kind], mediaId, paths, reel, path: paths[0] || mediaId, time, cluster: of, parent,
    decision, similarity, image: link(image), thumb: link(thumb), box, nearest, mates, model: part.models[model],
    frame, pinned,
  };
}

async function item(place) {
  return itemFrom(await load("items", Math.floor(place / D.sizes.items)), place);
}

async function items(first, total) {
  const parts = [];
  for (let n = Math.floor(first / D.sizes.items); n * D.sizes.items < first + total; n += 1) parts.push(load("items", n));
  await Promise.all(parts);
  return Promise.all(Array.from({ length: total }, (_, i) => item(first + i)));
}

/* ---- pictures ---------------------------------------------------------------------------------------------- */

/* A whole frame, or, with a box, a square around it. */
function picture(source, alt) {
  const frame = el("span", { class: source.box ? "pic crop" : "pic" });
  const big = source.box && Math.max(source.box[2] - source.box[0], source.box[3] - source.box[1]);
  const url = source.box && big * THUMB_PIXELS < SHARP_PIXELS ? source.image || source.thumb
    : source.thumb || source.image;
  if (!url) {
    frame.append(el("span", { class: "none", role: "img", "aria-label": alt }, "no picture here"));
    return frame;
  }
  const image = el("img", { alt, loading: "lazy", decoding: "async", draggable: "false" });
  image.addEventListener("error", () => {
    image.replaceWith(el("span", { class: "none", role: "img", "aria-label": alt }, "picture missing"));
  });
  if (source.box) image.addEventListener("load", () => crop(image, source.box));
  image.src = url;
  frame.append(image);
  return frame;
}

function crop(image, [x0, y0, x1, y1]) {
  const [w, h] = [image.naturalWidth, image.naturalHeight];
  const side = Math.min(1.45 * Math.max((x1 - x0) * w, (y1 - y0) * h), w, h);
  const left = Math.min(Math.max(((x0 + x1) / 2) * w - side / 2, 0), w - side);
  const top = Math.min(Math.max(((y0 + y1) / 2) * h - side / 2, 0), h - side);
  Object.assign(image.style, {
    width: `${(w / side) * 100}%`, height: `${(h / side) * 100}%`,
    left: `${(-left / side) * 100}%`, top: `${(-top / side) * 100}%`,
  });
  image.classList.add("placed");
}

/* ---- cards ------------------------------------------------------------------------------------------------- */

function describe(thing, of) {
  return [
    of ? of.label : `${thing.kind.one}, in noise`,
    `${thing.decision}: ${DECISIONS[thing.decision] || ""}`,
    `similarity ${figure(thing.similarity)}`,
    of ? `cluster ${of.short}, ${count(of.size, "item", "items")}` : null,
    `${visible(thing.path)}  ${thing.time}`,
  ].filter(Boolean).join("\n");
}

function itemCard(thing, of) {
  const alt = `${thing.box ? thing.kind.one : "Frame"} in ${baseName(thing.path)} at ${thing.time}`;
  return el("li", {},
    el("a", { class: "card", href: withItem(thing.place), title: describe(thing, of), "data-item": thing.id },
      picture(thing, alt),
      el("span", { class: "cap" },
        el("span", { class: "file" }, baseName(thing.path)),
        el("span", { class: "line" },
          el("span", { class: "tc" }, thing.time)),
        el("span", { class: "line how" },
          el("span", {}, thing.pinned ? "pinned" : thing.decision),
          el("span", { class: "tc" }, figure(thing.similarity))))));
}

function clusterCard(c) {
  const alt = `${c.label}, first seen in ${c.cover ? baseName(c.cover.path) : "no file"}`;
  const chips = c.kind.kind === "scene" ? el("span", { class: "chips" }) : null;
  const scenes = c.links.length;
  const card = el("a", {
    class: "card", href: `#/cluster/${c.index}`, "data-cluster": c.id,
    title: `${c.label}\ncluster ${c.id}\n${count(c.size, "item", "items")}`,
  },
  el("span", { class: "holder" }, picture(c.cover || {}, alt), chips,
    c.status === "hidden" ? el("span", { class: "badge" }, "hidden") : null),
  el("span", { class: "cap" },
    el("span", { class: c.name ? "file named" : "file" }, c.label),
    el("span", { class: "line" },
      el("span", {}, c.kind.kind === "scene" ? count(c.size, "frame", "frames") : count(c.size, "picture", "pictures")),
      c.kind.kind === "scene" ? null : el("span", {}, count(scenes, "scene", "scenes"))),
    c.cover ? el("span", { class: "line" },
      el("span", { class: "from" }, baseName(c.cover.path)), el("span", { class: "tc" }, c.cover.time)) : null));
  if (chips) fillChips(chips, c);
  return el("li", {}, card);
}

async function fillChips(chips, c) {
  const faces = D.kinds.find((k) => k.kind === "face");
  const within = c.links.filter(([index]) => index >= faces.first && index < faces.first + faces.count);
  for (const [index] of within.slice(0, CHIPS)) {
    const face = await cluster(index);
    if (face.cover) chips.append(el("span", { class: "chip", title: face.label }, picture(face.cover, face.label)));
  }
  if (within.length > CHIPS) chips.append(el("span", { class: "chip more" }, `+${number.format(within.length - CHIPS)}`));
}

const grid = (cards, style) => el("ul", { class: `grid ${style}` }, cards);

function section(title, note, body, more) {
  return el("section", {}, el("div", { class: "head" }, el("h2", {}, title), el("span", { class: "note" }, note), more), body);
}

function pager(view, page, total) {
  const last = Math.max(Math.ceil(total / PAGE), 1);
  if (last === 1) return null;
  const go = (to, text, rel) => (to >= 1 && to <= last
    ? el("a", { class: "button", href: `${view}/${to}`, rel, "data-page": rel }, text)
    : el("span", { class: "button off", "aria-disabled": "true" }, text));
  return el("nav", { class: "pager", "aria-label": "Pages" },
    go(page - 1, "Previous", "prev"),
    el("span", {}, `Page ${number.format(page)} of ${number.format(last)}`),
    go(page + 1, "Next", "next"));
}

const empty = (text) => el("p", { class: "empty" }, text);

/* ---- views ------------------------------------------------------------------------------------------------- */

const plural = { scene: "scenes", face: "characters", person: "bodies", region: "regions" };
const styleOf = (kind) => (kind.kind === "scene" ? "wide" : "square");
const noiseTotal = () => D.kinds.reduce((sum, k) => sum + k.noise[1], 0);

async function firstClusters(kind, from, most) {
  const n = Math.max(Math.min(most, kind.count - from), 0);
  return Promise.all(Array.from({ length: n }, (_, i) => cluster(kind.first + from + i)));
}

async function overview() {
  const parts = [];
  for (const notice of D.notices) {
    parts.push(el("div", { class: "notice", role: "note" },
      el("strong", {}, notice.title), " ", notice.text, el("code", {}, notice.command)));
  }
  parts.push(el("div", { class: "facts" },
    fact(D.kinds[0].count, "scene", "scenes", "#/scenes"),
    fact(D.kinds[1].count, "character", "characters", "#/characters"),
    fact(noiseTotal(), "in noise", "in noise", "#/noise"),
    fact(D.files.sorted, "file sorted", "files sorted"),
    fact(D.files.partial, "file partial", "files partial", "#/files"),
    fact(D.files.failed, "file failed", "files failed", "#/files", D.files.failed > 0)));
  for (const name of ["scene", "face", "person", "region"]) {
    const kind = D.kinds.find((k) => k.kind === name);
    if (!kind.count && (name === "person" || name === "region")) continue;
    const shown = await firstClusters(kind, 0, name === "scene" ? 12 : 24);
    const note = name === "face" ? "who: one identity across all scenes" : name === "scene" ? "where: largest first" : "";
    parts.push(section(kind.many, note,
      shown.length ? grid(shown.map(clusterCard), styleOf(kind)) : empty(`No ${plural[name]} yet.`),
      kind.count > shown.length
        ? el("a", { class: "button", href: `#/${plural[name]}` }, `All ${number.format(kind.count)} ${plural[name]}`) : null));
  }
  if (noiseTotal()) {
    const first = D.kinds.filter((k) => k.noise[1]).map((k) => count(k.noise[1], k.kind, k.kind === "face" ? "faces" : `${k.kind}s`));
    parts.push(section("Noise bucket", `${first.join(", ")}: not sure enough to group, promoted when others like them come`,
      null, el("a", { class: "button", href: "#/noise" }, "Look at them")));
  }
  if (D.troubles) {
    parts.push(section("Failed and partial files", "every file is accounted for", fileTable(D.firstFiles),
      D.troubles > D.firstFiles.length
        ? el("a", { class: "button", href: "#/files" }, `All ${number.format(D.troubles)} files`) : null));
  }
  parts.push(modelLine());
  return parts;
}

function fact(n, one, many, href, loud) {
  const inside = [el("b", {}, number.format(n)), ` ${n === 1 ? one : many}`];
  return href ? el("a", { href, class: loud ? "loud" : null }, inside) : el("span", {}, inside);
}

function modelLine() {
  return el("p", { class: "models" }, "Compared with: ",
    D.models.map((m, i) => [i ? ", " : "", el("span", { class: m.weak ? "weak" : null },
      `${m.kind} by ${visible(m.model)}${m.weak ? " (weak, untrained)" : ""}`)]));
}

async function listView(kind, page) {
  const shown = await firstClusters(kind, (page - 1) * PAGE, PAGE);
  return [el("h1", {}, kind.many, " ", el("small", {}, number.format(kind.count))),
    shown.length ? grid(shown.map(clusterCard), styleOf(kind)) : empty("None."),
    pager(`#/${plural[kind.kind]}`, page, kind.count)];
}

async function clusterView(index, page) {
  const c = await cluster(index);
  const parts = [el("div", { class: "title" },
    el("h1", {}, c.label),
    el("span", { class: "note" }, c.kind.kind === "scene" ? count(c.size, "frame", "frames") : count(c.size, "picture", "pictures")),
    c.kind.kind === "scene" ? null : el("span", { class: "note" }, count(c.links.length, "scene", "scenes")),
    el("code", { class: "id", title: "Cluster id" }, c.id))];
  if (c.links.length) {
    const others = await Promise.all(c.links.slice(0, PAGE).map(([other]) => cluster(other)));
    parts.push(section(c.kind.kind === "scene" ? "Characters here" : "Appears in",
      c.links.length > PAGE ? `the first ${PAGE} of ${number.format(c.links.length)}` : "",
      el("ul", { class: `strip ${c.kind.kind === "scene" ? "" : "scenes"}` }, others.map((other, i) => {
        const [, first, n] = c.links[i];
        const who = c.kind.kind === "scene" ? other : c;
        return el("li", {}, el("a", {
          class: "card small", href: `#/meet/${who.index}/${first}/${n}`,
          title: `${other.label}: ${count(n, "picture", "pictures")} here`,
        },
        picture(other.cover || {}, other.label),
        el("span", { class: "cap" }, el("span", { class: "file" }, other.label),
          el("span", { class: "line" }, count(n, "picture", "pictures")))));
      }))));
  }
  parts.push(await itemGrid(c.kind.kind === "scene" ? "Frames" : "Pictures", c.first, c.size, page, `#/cluster/${index}`, c));
  return parts;
}

/* Where a character and a scene meet. */
async function meetView(index, first, n, page) {
  const who = await cluster(index);
  const where = await cluster((await item(first)).parent);
  return [el("div", { class: "title" },
    el("h1", {}, el("a", { href: `#/cluster/${index}` }, who.label), " in ",
      where ? el("a", { href: `#/cluster/${where.index}` }, where.label) : "no scene")),
  await itemGrid("Pictures", first, n, page, `#/meet/${index}/${first}/${n}`, who)];
}

async function itemGrid(title, first, total, page, view, of) {
  const from = (page - 1) * PAGE;
  const shown = await items(first + from, Math.max(Math.min(PAGE, total - from), 0));
  range = [first, first + total];
  const style = shown.length && shown[0].box ? "square" : "wide";
  const parts = el("section", {}, el("div", { class: "head" }, el("h2", {}, title)));
  let group = null;
  let cards = [];
  const flush = () => { if (cards.length) parts.append(grid(cards, style)); cards = []; };
  for (const thing of shown) {
    if (thing.kind.kind !== "scene" && thing.parent !== group && of && !view.startsWith("#/meet")) {
      flush();
      group = thing.parent;
      const scene = await cluster(group);
      parts.append(el("h3", {}, "in ", scene ? el("a", { href: `#/cluster/${scene.index}` }, scene.label) : "no scene"));
    }
    cards.push(itemCard(thing, of));
  }
  flush();
  const pages = pager(view, page, total);
  if (pages) parts.append(pages);
  return parts;
}

async function noiseView(name, page) {
  const kinds = D.kinds.filter((k) => k.noise[1]);
  const kind = kinds.find((k) => k.kind === name) || kinds[0];
  if (!kind) return [el("h1", {}, "Noise bucket"), empty("Nothing waits: everything found its cluster.")];
  return [el("h1", {}, "Noise bucket ", el("small", {}, number.format(noiseTotal()))),
    el("p", { class: "lead" }, "Not sure enough to group. Each is promoted when another like it comes, or when you move it."),
    el("nav", { class: "tabs", "aria-label": "Kinds" }, kinds.map((k) => el("a", {
      href: `#/noise/${k.kind}`, "aria-current": k === kind ? "page" : null,
    }, `${k.kind === "face" ? "Faces" : k.kind === "scene" ? "Frames" : k.many} ${number.format(k.noise[1])}`))),
    await itemGrid(kind.kind === "face" ? "Faces" : kind.kind === "scene" ? "Frames" : kind.many,
      kind.noise[0], kind.noise[1], page, `#/noise/${kind.kind}`, null)];
}

function fileTable(rows) {
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, ["File", "State", "Error", "Reason"].map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map(([, paths, status, error, reason]) => el("tr", {},
      el("td", {}, paths.map((path) => el("div", { class: "path" }, visible(path)))),
      el("td", {}, el("span", { class: `state ${status}` }, status)),
      el("td", {}, el("code", {}, error || "–")),
      el("td", {}, visible(reason)))))));
}

async function filesView(page) {
  const from = (page - 1) * PAGE;
  const rows = [];
  for (let n = from; n < Math.min(from + PAGE, D.troubles); n += 1) {
    rows.push((await load("files", Math.floor(n / D.sizes.files)))[n % D.sizes.files]);
  }
  return [el("h1", {}, "Failed and partial files ", el("small", {}, number.format(D.troubles))),
    rows.length ? fileTable(rows) : empty("Every file was sorted."), pager("#/files", page, D.troubles)];
}

async function searchView(text, wanted) {
  const needle = text.toLowerCase();
  const clusters = [];
  const hits = [];
  for (let n = 0; n < D.parts.clusters.length && clusters.length < PAGE; n += 1) {
    const rows = await load("clusters", n);
    if (!wanted()) return null;
    rows.forEach((row, i) => {
      if (clusters.length < PAGE && (row[0].startsWith(needle) || (row[3] || "").toLowerCase().includes(needle))) {
        clusters.push(clusterFrom(row, n * D.sizes.clusters + i));
      }
    });
  }
  for (let n = 0; n < D.parts.items.length && hits.length < SEARCH_HITS; n += 1) {
    const part = await load("items", n);
    if (!wanted()) return null;
    const media = part.media.map(([, paths]) => paths.some((path) => path.toLowerCase().includes(needle)));
    part.rows.forEach((row, i) => {
      if (hits.length < SEARCH_HITS && (media[row[2]] || row[0].startsWith(needle) || row[3].startsWith(needle))) {
        hits.push(itemFrom(part, n * D.sizes.items + i));
      }
    });
  }
  range = null;
  found = hits.map((thing) => thing.place);
  const cards = await Promise.all(hits.map(async (thing) => itemCard(thing, await cluster(thing.cluster))));
  return [el("h1", {}, `“${visible(text)}”`),
    clusters.length ? section("Clusters", count(clusters.length, "match", "matches"), grid(clusters.map(clusterCard), "square")) : null,
    hits.length
      ? section("Pictures", hits.length === SEARCH_HITS ? `the first ${SEARCH_HITS}` : count(hits.length, "match", "matches"), grid(cards, "square"))
      : clusters.length ? null : empty("Nothing by that name. Search by part of a path, a time code, a cluster's name or the start of an id.")];
}

/* ---- one picture in detail --------------------------------------------------------------------------------- */

const detail = document.getElementById("detail");
let range = null; /* places that the arrow keys go through in the open picture */
let found = null;

function neighbour(place, step) {
  if (found) {
    const at = found.indexOf(place) + step;
    return at >= 0 && at < found.length ? found[at] : null;
  }
  const to = place + step;
  return range && to >= range[0] && to < range[1] ? to : null;
}

/* The folder this page lies in, for the command lines: it may have been moved since it was written. */
function folder() {
  if (location.protocol !== "file:") return ".";
  let path;
  try { path = decodeURIComponent(location.pathname); } catch { path = location.pathname; }
  path = path.replace(/\/[^/]*$/, "") || "/";
  return /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path;
}
const quoted = (text) => (/^[\w./:@%+-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

function command(label, template, ids) {
  const line = template.replace(/\{(item|cluster|out)\}/g, (_, name) => (name === "out" ? quoted(folder()) : ids[name]));
  const words = line.split(/(?= --)/).map((part) => el("span", {}, part));
  const code = el("code", { tabindex: "0" }, words);
  const button = el("button", { type: "button", class: "copy", "aria-label": `Copy: ${label}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(line);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Press Ctrl+C";
    }
  });
  return el("div", { class: "command" }, el("div", { class: "label" }, label, button), el("div", { class: "typed" }, code));
}

function term(name, ...value) {
  return [el("dt", {}, name), el("dd", {}, value)];
}

async function showDetail(place) {
  const thing = await item(place);
  const [of, scene, mates, near] = await Promise.all([
    cluster(thing.cluster), cluster(thing.parent), Promise.all(thing.mates.map(item)),
    Promise.all(thing.nearest.map(async ([index, similarity]) => [await cluster(index), similarity])),
  ]);
  if (parse().item !== place) return;
  const alt = `Keyframe of ${baseName(thing.path)} at ${thing.time}`;
  const stage = el("div", { class: "stage" });
  const source = thing.image || thing.thumb;
  if (source) {
    const held = el("div", { class: "held" });
    const image = el("img", { alt, src: source });
    image.addEventListener("error", () => held.replaceChildren(el("p", { class: "none" }, "The keyframe is missing.")));
    held.append(image);
    const draw = (box, style, label, href) => {
      const node = el(href ? "a" : "span", { class: `box ${style}`, href, title: label, "aria-label": label });
      Object.assign(node.style, {
        left: `${box[0] * 100}%`, top: `${box[1] * 100}%`,
        width: `${(box[2] - box[0]) * 100}%`, height: `${(box[3] - box[1]) * 100}%`,
      });
      held.append(node);
    };
    for (const mate of mates) {
      const whose = await cluster(mate.cluster);
      draw(mate.box, "mate", whose ? whose.label : `${mate.kind.one} in noise`, withItem(mate.place));
    }
    if (thing.box) draw(thing.box, "own", `This ${thing.kind.kind}`, null);
    stage.append(held);
  } else {
    stage.append(el("p", { class: "none" }, "The keyframe lies in a store that a browser can't open from here."));
  }
  const step = (to, text, label) => (to === null
    ? el("span", { class: "button off", "aria-disabled": "true" }, text)
    : el("a", { class: "button", href: withItem(to), "aria-label": label }, text));
  const side = el("div", { class: "side" },
    el("div", { class: "steps" },
      step(neighbour(place, -1), "←", "Previous picture"), step(neighbour(place, 1), "→", "Next picture"),
      el("button", { type: "button", class: "button close", onclick: closeDetail, "aria-label": "Close" }, "Close", el("kbd", {}, "Esc"))),
    el("p", { class: "burn" }, el("span", { class: "tc" }, thing.time), thing.reel ? el("span", {}, `reel ${visible(thing.reel)}`) : null),
    thing.paths.length ? thing.paths.map((path) => el("p", { class: "path" }, visible(path))) : el("p", { class: "path" }, visible(thing.mediaId)),
    el("dl", {},
      term(of ? of.kind.one : thing.kind.one,
        of ? el("a", { href: `#/cluster/${of.index}`, title: of.id }, of.name ? `${of.label} (${of.short})` : of.short) : "in noise",
        of ? `, ${count(of.size, "item", "items")}` : null),
      thing.kind.kind === "scene" ? null : term("Scene", scene ? el("a", { href: `#/cluster/${scene.index}` }, scene.label) : "none"),
      term("Decision", el("b", {}, thing.decision), ` ${DECISIONS[thing.decision] || ""}`, thing.pinned ? "; pinned" : null),
      term("Similarity", el("span", { class: "tc" }, figure(thing.similarity))),
      near.length ? term("Also near", near.map(([c, s], i) => [i ? ", " : null,
        el("a", { href: `#/cluster/${c.index}`, title: c.label }, c.name ? c.label : c.short), ` ${figure(s)}`])) : null,
      term("Model", visible(thing.model)),
      term("Item", el("code", {}, thing.id)),
      term("Frame", el("code", {}, thing.frame))),
    el("h2", {}, "To correct it, type"),
    of ? command("It is right", D.corrections.confirm, { item: thing.id }) : null,
    of ? command(`Not ${of.label}`, D.corrections.reject, { item: thing.id, cluster: of.id }) : null,
    near.map(([c]) => command(`It is ${c.label}`, D.corrections.move, { item: thing.id, cluster: c.id })),
    command(`It is another ${thing.kind.one.toLowerCase()}`, D.corrections.new, { item: thing.id }));
  detail.replaceChildren(stage, side);
  if (!detail.open) {
    detail.showModal();
    detail.querySelector(".close").focus();
  }
  say(describe(thing, of));
}

function closeDetail() {
  location.hash = location.hash.replace(/!.*$/, "");
}
detail.addEventListener("cancel", (event) => { event.preventDefault(); closeDetail(); });
detail.addEventListener("click", (event) => { if (event.target === detail || event.target.classList.contains("stage")) closeDetail(); });

/* ---- routes: #/view/arguments!place ------------------------------------------------------------------------ */

function parse() {
  const [view, place] = location.hash.replace(/^#\/?/, "").split("!");
  const words = view.split("/");
  return { view, words, item: place === undefined || !/^\d+$/.test(place) ? null : Math.min(Number(place), D.items - 1) };
}
const withItem = (place) => `#/${parse().view}!${place}`;
const say = (text) => { document.getElementById("live").textContent = text; };

async function build(words, wanted) {
  const whole = (text, least, most) => Math.min(Math.max(Math.trunc(Number(text)) || least, least), most);
  const pageOf = (text) => whole(text, 1, 1 << 30);
  const clusters = D.kinds.reduce((sum, k) => sum + k.count, 0);
  range = null;
  found = null;
  const kind = D.kinds.find((k) => plural[k.kind] === words[0]);
  if (kind) return listView(kind, pageOf(words[1]));
  if (words[0] === "cluster" && clusters) return clusterView(whole(words[1], 0, clusters - 1), pageOf(words[2]));
  if (words[0] === "meet" && clusters) {
    const first = whole(words[2], 0, D.items - 1);
    return meetView(whole(words[1], 0, clusters - 1), first, whole(words[3], 1, D.items - first), pageOf(words[4]));
  }
  if (words[0] === "noise") return noiseView(words[1], pageOf(words[2]));
  if (words[0] === "files") return filesView(pageOf(words[1]));
  if (words[0] === "search") return searchView(decodeURIComponent(words.slice(1).join("/")), wanted);
  return overview();
}

const main = document.getElementById("main");
const search = document.getElementById("search");
let shownView = null;
let cameFrom = null;

async function route() {
  const { view, words, item: place } = parse();
  if (view !== shownView) {
    shownView = view;
    const wanted = () => shownView === view;
    if (words[0] === "search") main.replaceChildren(empty("Searching…"));
    try {
      const parts = await build(words, wanted);
      if (!wanted() || parts === null) return;
      main.replaceChildren(...parts.filter(Boolean));
    } catch (error) {
      if (!wanted()) return;
      main.replaceChildren(el("p", { class: "notice", role: "alert" }, error.message));
    }
    for (const link of document.querySelectorAll("#nav a")) {
      link.toggleAttribute("aria-current", link.getAttribute("href") === `#/${words[0]}`);
    }
    if (words[0] !== "search" && document.activeElement !== search) search.value = "";
    window.scrollTo(0, 0);
    const heading = main.querySelector("h1");
    document.title = heading ? `${heading.textContent.trim()} · ${visible(D.title)}` : `${visible(D.title)} · contact sheet`;
    if (document.documentElement.dataset.ready === undefined) {
      requestAnimationFrame(() => setTimeout(() => { document.documentElement.dataset.ready = Math.round(performance.now()); }));
    }
  }
  if (place !== null && D.items) {
    if (!detail.open) cameFrom = document.activeElement;
    try {
      await showDetail(place);
    } catch (error) {
      main.prepend(el("p", { class: "notice", role: "alert" }, error.message));
    }
  } else if (detail.open) {
    detail.close();
    if (cameFrom && cameFrom.isConnected) cameFrom.focus();
  }
}

/* ---- keyboard: arrows go from picture to picture, / searches, Esc goes back up ------------------------------ */

function nearestCard(from, key) {
  const here = from.getBoundingClientRect();
  const [hx, hy] = [here.left + here.width / 2, here.top + here.height / 2];
  let best = null;
  let least = Infinity;
  for (const card of main.querySelectorAll("a.card")) {
    if (card === from) continue;
    const r = card.getBoundingClientRect();
    const [dx, dy] = [r.left + r.width / 2 - hx, r.top + r.height / 2 - hy];
    const along = key === "ArrowLeft" ? -dx : key === "ArrowRight" ? dx : key === "ArrowUp" ? -dy : dy;
    const across = key === "ArrowLeft" || key === "ArrowRight" ? Math.abs(dy) : Math.abs(dx);
    if (along < 8 || ((key === "ArrowLeft" || key === "ArrowRight") && across > here.height / 2)) continue;
    const distance = along + 2 * across;
    if (distance < least) [best, least] = [card, distance];
  }
  return best;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target === search;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    if (detail.open) closeDetail();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && typing) {
    search.value = "";
    search.blur();
    if (parse().words[0] === "search") location.hash = "#/";
  } else if (event.key === "Escape" && !detail.open && parse().view) {
    history.length > 1 ? history.back() : (location.hash = "#/");
  } else if (detail.open && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
    const to = neighbour(parse().item, event.key === "ArrowLeft" ? -1 : 1);
    event.preventDefault();
    if (to !== null) location.replace(withItem(to));
  } else if (event.key.startsWith("Arrow") && !typing && !detail.open) {
    const active = document.activeElement;
    const card = active && active.matches("a.card") ? nearestCard(active, event.key) : main.querySelector("a.card");
    if (card) {
      event.preventDefault();
      card.focus();
      card.scrollIntoView({ block: "nearest" });
    }
  } else if ((event.key === "PageDown" || event.key === "PageUp") && !typing && !detail.open) {
    const link = main.querySelector(`[data-page="${event.key === "PageDown" ? "next" : "prev"}"]`);
    const atEnd = event.key === "PageUp" ? scrollY < 4 : scrollY + innerHeight > document.body.scrollHeight - 4;
    if (link && atEnd) { event.preventDefault(); link.click(); }
  }
});

let typed = 0;
search.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => {
    const text = search.value.trim();
    location.replace(text ? `#/search/${encodeURIComponent(text)}` : "#/");
  }, 200);
});

/* ---- start ------------------------------------------------------------------------------------------------- */

document.getElementById("title").textContent = visible(D.title);
document.getElementById("nav").append(...[
  ["scenes", "Scenes", D.kinds[0].count], ["characters", "Characters", D.kinds[1].count],
  ["noise", "Noise", noiseTotal()], ["files", "Files", D.troubles],
].map(([view, text, n]) => el("a", { href: `#/${view}` }, text, " ", el("span", { class: "n" }, number.format(n)))));
window.addEventListener("hashchange", route);
route();
