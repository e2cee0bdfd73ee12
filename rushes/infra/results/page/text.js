/* Elements and words. Everything shown is set as text or attribute, never as markup: file names are not to be
 * trusted. The scripts of this page are plain ones that share their names: modules are barred from file://. */
"use strict";

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

