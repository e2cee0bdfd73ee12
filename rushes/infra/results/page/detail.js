/* One picture in detail: the keyframe with its boxes, why it is where it is, and what to type to correct it. */
"use strict";

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
  const line = template.replace(/\{(items?|cluster|out)\}/g, (_, name) => (name === "out" ? quoted(folder()) : ids[name]));
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

/* Of a face sample only what is round its faces is sharp, the rest is blocks of one colour: these are blurred away. */
const KEPT_ROUND_A_FACE = 1.9; /* of its longer side; a little less than is kept, as whole blocks */
const facesOnly = (thing) => thing.box !== null && thing.image !== null && thing.image === thing.thumb;

function soften(image, boxes) {
  const [w, h] = [image.naturalWidth, image.naturalHeight];
  image.classList.add("soft");
  for (const [x0, y0, x1, y1] of boxes) {
    const reach = (KEPT_ROUND_A_FACE / 2) * Math.max((x1 - x0) * w, (y1 - y0) * h);
    const [x, y] = [((x0 + x1) / 2) * w, ((y0 + y1) / 2) * h];
    const sharp = el("img", { alt: "", src: image.src, class: "sharp" });
    const sides = [(y - reach) / h, 1 - (x + reach) / w, 1 - (y + reach) / h, (x - reach) / w];
    sharp.style.clipPath = `inset(${sides.map((side) => `${Math.max(side, 0) * 100}%`).join(" ")} round 12px)`;
    image.after(sharp);
  }
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
    if (facesOnly(thing)) {
      image.addEventListener("load", () => soften(image, [thing, ...mates].map((each) => each.box)));
    }
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
    el("p", { class: "burn" }, el("span", { class: "tc" }, thing.time), thing.reel ? el("span", {}, `reel ${visible(thing.reel)}`) : null,
      thing.span ? el("span", {}, `part ${thing.span[1]} of the recording ${visible(thing.span[0])}`) : null),
    facesOnly(thing) ? el("p", { class: "note" }, "Of this frame only the faces are kept.") : null,
    thing.paths.length ? thing.paths.map((path) => el("p", { class: "path" }, visible(path))) : el("p", { class: "path" }, visible(thing.mediaId)),
    el("dl", {},
      term(of ? of.kind.one : thing.kind.one,
        of ? el("a", { href: `#/cluster/${of.index}`, title: of.id }, `${of.label} (${of.short})`) : "in noise",
        of ? `, ${count(of.size, "item", "items")}` : null),
      thing.kind.kind === "scene" ? null : term("Scene", scene ? el("a", { href: `#/cluster/${scene.index}` }, scene.label) : "none"),
      thing.seen ? term("Seen", el("span", { class: "tc" }, `${thing.seen[0]} – ${thing.seen[1]}`)) : null,
      term("Decision", el("b", {}, thing.decision), thing.reason ? `: ${visible(thing.reason)}` : ` ${DECISIONS[thing.decision] || ""}`,
        thing.pinned ? "; pinned" : null),
      term("Similarity", el("span", { class: "tc" }, figure(thing.similarity)),
        thing.margin === null ? null : `, ${figure(thing.margin)} above the next`,
        thing.thresholds ? el("div", { class: "note" }, thing.thresholds) : null),
      near.length ? term("Also near", near.map(([c, s], i) => [i ? ", " : null,
        el("a", { href: `#/cluster/${c.index}`, title: c.id }, c.label), ` ${figure(s)}`])) : null,
      term("Model", visible(thing.model)),
      D.detectors[thing.kind.kind] ? term("Found by", visible(D.detectors[thing.kind.kind])) : null,
      term("Item", el("code", {}, thing.id)),
      term("Frame", el("code", {}, thing.frame))),
    el("h2", {}, "To correct it, or to see why, type"),
    command("Why it is here", D.corrections.explain, { item: thing.id }),
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

