/* The results: a head within the page, and parts that are loaded as scripts, for fetch is barred from file://. */
"use strict";

const D = JSON.parse(document.getElementById("data").textContent);

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

/* CLUSTER_COLUMNS: id, short, kind, name, status, first, count, links, cover, label */
function clusterFrom(row, index) {
  const [id, short, kind, name, status, first, size, links, cover, label] = row;
  return {
    index, id, short, kind: D.kinds[kind], name, status, first, size, links,
    label: visible(label),
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
 * model, frame, pinned, margin, thresholds, seen, reason */
function itemFrom(part, place) {
  const row = part.rows[place % D.sizes.items];
  const [id, kind, media, time, of, parent, decision, similarity, image, thumb, box, nearest, mates, model, frame,
    pinned, margin, thresholds, seen, reason] = row;
  const link = (split) => split && (part.folders[split[0]] ? `${part.folders[split[0]]}/${split[1]}` : split[1]);
  const [mediaId, paths, reel, span] = part.media[media];
  return {
    place, id, kind: D.kinds[kind], mediaId, paths, reel, span, path: paths[0] || mediaId, time, cluster: of, parent,
    decision, similarity, image: link(image), thumb: link(thumb), box, nearest, mates, model: part.models[model],
    frame, pinned, margin, thresholds: thresholds === null ? null : part.thresholds[thresholds], seen,
    reason,
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

