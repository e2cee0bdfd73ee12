/* Pictures, and the cards that name them. */
"use strict";

const CHIPS = 4;
const THUMB_PIXELS = 320;
const SHARP_PIXELS = 64;

const DECISIONS = {
  joined: "close enough to this cluster's mean",
  founded: "unlike all that was known: it began this cluster",
  noise: "not sure enough: it waits in the noise bucket",
  promoted: "waited in noise until a second one like it came",
  merged: "came here when two clusters became one",
  split: "came here when a cluster was divided",
  moved: "a person put it here, or it fits better by all there is now",
  confirmed: "a person said it is right here",
  rejected: "a person said it does not belong where it was",
  undone: "an earlier correction was taken back",
  displaced: "a better match of the same frame took its place",
  remapped: "carried over to a new model",
};

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

function describe(thing, of) {
  return [
    of ? of.label : `${thing.kind.one}, in noise`,
    `${thing.decision}: ${thing.reason ? visible(thing.reason) : DECISIONS[thing.decision] || ""}`,
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

async function pairCard([one, other, probability]) {
  const [a, b] = await Promise.all([cluster(one), cluster(other)]);
  return el("li", {}, el("a", {
    class: "card pair", href: `#/pair/${one}/${other}`, title: `${a.label} and ${b.label}: ${likely(probability)}`,
  },
  el("span", { class: "two" }, picture(a.cover || {}, a.label), picture(b.cover || {}, b.label)),
  el("span", { class: "cap" },
    el("span", { class: "file" }, `${a.label} · ${b.label}`),
    el("span", { class: "line" }, likely(probability)))));
}
const likely = (probability) => (probability === null ? "near each other" : `${Math.round(probability * 100)} % likely to be one`);

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

