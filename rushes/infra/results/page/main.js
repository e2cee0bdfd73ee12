/* Routes (#/view/arguments!place), keyboard, start. */
"use strict";

function parse() {
  const [view, place] = location.hash.replace(/^#\/?/, "").split("!");
  const words = view.split("/");
  return { view, words, item: place === undefined || !/^\d+$/.test(place) ? null : Math.min(Number(place), D.items - 1) };
}
const withItem = (place) => `#/${parse().view}!${place}`;
const searched = (words) => {
  try { return decodeURIComponent(words.slice(1).join("/")); } catch { return words.slice(1).join("/"); }
};
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
  if (words[0] === "links" && clusters) return linksView(whole(words[1], 0, clusters - 1), pageOf(words[2]));
  if (words[0] === "meet" && clusters) {
    const first = whole(words[2], 0, D.items - 1);
    return meetView(whole(words[1], 0, clusters - 1), first, whole(words[3], 1, D.items - first), pageOf(words[4]));
  }
  if (words[0] === "pairs") return pairsView(pageOf(words[1]));
  if (words[0] === "pair" && clusters) return pairView(whole(words[1], 0, clusters - 1), whole(words[2], 0, clusters - 1));
  if (words[0] === "noise") return noiseView(words[1], pageOf(words[2]));
  if (words[0] === "files") return filesView(pageOf(words[1]));
  if (words[0] === "search") return searchView(searched(words), wanted);
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
      if (link.getAttribute("href") === `#/${words[0]}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (document.activeElement !== search) search.value = words[0] === "search" ? searched(words) : "";
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

function above([view, index]) {
  if (view === "meet" || view === "links") return `#/cluster/${index}`;
  const kind = view === "cluster" && D.kinds.find((k) => index >= k.first && index < k.first + k.count);
  return kind ? `#/${plural[kind.kind]}` : "#/";
}

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
    location.hash = above(parse().words);
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

document.getElementById("title").textContent = visible(D.title);
document.getElementById("nav").append(...[
  ["scenes", "Scenes", D.kinds[0].count], ["characters", "Characters", D.kinds[1].count],
  ["noise", "Noise", noiseTotal()], ["files", "Failed", D.troubles],
].map(([view, text, n]) => el("a", { href: `#/${view}` }, text, " ", el("span", { class: "n" }, number.format(n)))));
window.addEventListener("hashchange", route);
route();
