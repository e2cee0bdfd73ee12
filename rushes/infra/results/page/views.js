/* What the page can show: each view is a list of elements. */
"use strict";

const PAGE = 60;
const STRIP = 24;
const SEARCH_HITS = 200;
const PAIRS = 6;
const PAIR_PICTURES = 12;
const MOST_JOINED = 50;
const NOISE_WORDS = {
  scene: ["frame", "frames"], face: ["face", "faces"], person: ["body", "bodies"], region: ["region", "regions"],
};

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
    D.files.partial ? fact(D.files.partial, "file partial", "files partial", "#/files") : null,
    D.files.failed ? fact(D.files.failed, "file failed", "files failed", "#/files", true) : null));
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
  if (D.pairs.length) {
    parts.push(section("May be one", "not alike enough to be sure, so kept apart: look, and say",
      grid(await Promise.all(D.pairs.slice(0, PAIRS).map(pairCard)), "wide"),
      D.pairs.length > PAIRS ? el("a", { class: "button", href: "#/pairs" }, `All ${number.format(D.pairs.length)} pairs`) : null));
  }
  if (noiseTotal()) {
    const first = D.kinds.filter((k) => k.noise[1]).map((k) => count(k.noise[1], ...NOISE_WORDS[k.kind]));
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
      `${m.kind} by ${visible(m.model)}${m.weak ? " (weak, untrained)" : ""}`),
      D.detectors[m.kind] ? `, found by ${visible(D.detectors[m.kind])}` : null]),
    D.off.map((kind) => `; ${plural[kind]} off`));
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
    parts.push(section(linksTitle(c), "",
      el("ul", { class: `strip ${c.kind.kind === "scene" ? "" : "scenes"}` }, await linkCards(c, 0, STRIP)),
      c.links.length > STRIP
        ? el("a", { class: "button", href: `#/links/${index}` }, `All ${number.format(c.links.length)}`) : null));
  }
  const alike = D.pairs.filter(([one, other]) => one === index || other === index);
  if (alike.length) {
    parts.push(section("May be one with", "not alike enough to be sure",
      grid(await Promise.all(alike.map(pairCard)), "wide")));
  }
  parts.push(await itemGrid(c.kind.kind === "scene" ? "Frames" : "Pictures", c.first, c.size, page, `#/cluster/${index}`, c));
  return parts;
}

async function pairsView(page) {
  const shown = D.pairs.slice((page - 1) * PAGE, page * PAGE);
  return [el("h1", {}, "May be one ", el("small", {}, number.format(D.pairs.length))),
    el("p", { class: "lead" }, "Not alike enough to be sure, so kept apart. The likeliest first."),
    shown.length ? grid(await Promise.all(shown.map(pairCard)), "wide") : empty("Nothing to decide."),
    pager("#/pairs", page, D.pairs.length)];
}

/* Two clusters beside each other, and what to type when they are one, or never. */
async function pairView(one, other) {
  const two = await Promise.all([cluster(one), cluster(other)]);
  const [larger, smaller] = two[0].size >= two[1].size ? two : [two[1], two[0]];
  const known = D.pairs.find(([a, b]) => a === Math.min(one, other) && b === Math.max(one, other));
  const parts = [el("div", { class: "title" },
    el("h1", {}, `${larger.label} and ${smaller.label}`),
    known ? el("span", { class: "note" }, likely(known[2])) : null)];
  for (const c of [larger, smaller]) {
    const shown = await items(c.first, Math.min(PAIR_PICTURES, c.size));
    parts.push(section(c.label, count(c.size, "picture", "pictures"),
      grid(shown.map((thing) => itemCard(thing, c)), styleOf(c.kind)),
      el("a", { class: "button", href: `#/cluster/${c.index}` }, "All of it")));
  }
  const moved = await items(smaller.first, Math.min(MOST_JOINED, smaller.size));
  parts.push(section("Which is it?", "type one of these", el("div", { class: "answers" },
    smaller.size <= MOST_JOINED
      ? command(`They are one: all of ${smaller.label} belongs to ${larger.label}`, D.corrections.join,
        { items: moved.map((thing) => `--item ${thing.id}`).join(" "), cluster: larger.id })
      : null,
    command("They are two, for good", D.corrections.reject, { item: moved[0].id, cluster: larger.id }))));
  return parts;
}

const linksTitle = (c) => (c.kind.kind === "scene" ? "Characters here" : "Appears in");

function linkCards(c, from, most) {
  return Promise.all(c.links.slice(from, from + most).map(async ([index, first, n]) => {
    const other = await cluster(index);
    const who = c.kind.kind === "scene" ? other : c;
    const pictures = count(n, "picture", "pictures");
    return el("li", {}, el("a", {
      class: "card", href: `#/meet/${who.index}/${first}/${n}`, title: `${other.label}: ${pictures} here`,
    },
    picture(other.cover || {}, other.label),
    el("span", { class: "cap" }, el("span", { class: "file" }, other.label), el("span", { class: "line" }, pictures))));
  }));
}

async function linksView(index, page) {
  const c = await cluster(index);
  return [el("div", { class: "title" },
    el("h1", {}, el("a", { href: `#/cluster/${index}` }, c.label), " ",
      el("small", {}, `${linksTitle(c)}: ${number.format(c.links.length)}`))),
  grid(await linkCards(c, (page - 1) * PAGE, PAGE), c.kind.kind === "scene" ? "square" : "wide"),
  pager(`#/links/${index}`, page, c.links.length)];
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

