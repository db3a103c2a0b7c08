// One photo in detail: the photo with its heat map, the answer, the classes.

import { drawHeat } from "./heat.js";
import { NONE, UNSURE, explained, listed, make, name, percent, rate } from "./words.js";

const SHOWN = 6; // classes before the rest is folded away
let opacity = 0.85; // of the heat map; what was chosen for one photo holds for the next

/** All that is known of a photo. `again(item)` is called where it shall be asked once more. */
export const detailOf = (item, model, { reject, again }) => {
  const head = make("div", { class: "head" }, make("p", { class: "quiet file" }, name(item.name)));
  const rest = make("div", { class: "rest" });
  if (item.answer) {
    head.append(...answerOf(item.answer, model, reject));
    rest.append(...barsOf(item.answer));
  } else if (item.state === "error") head.append(...problemOf(item, model, again));
  else {
    rest.classList.add("pending");
    head.append(make("h2", { class: "verdict pending", tabindex: "-1", text: item.state === "sending" ? "Looking …" : "Waiting …" }));
  }
  return make("article", { class: "detail" }, head, figureOf(item), rest);
};

const figureOf = (item) => {
  const frame = make("div", { class: "frame" });
  const figure = make("figure", {}, make("div", { class: "mat" }, frame));
  if (!item.shown) {
    frame.classList.add("unseen");
    const words = item.answer ? "Your browser cannot show this format. The model can: its answer holds." : "No picture to show.";
    frame.append(make("p", { class: "quiet", text: words }));
    return figure;
  }
  // The frame has the photo's own proportions, so that the map lies where it belongs and nothing jumps.
  frame.style.aspectRatio = `${item.width} / ${item.height}`;
  frame.style.width = `min(100%, calc(min(62vh, 32rem) * ${item.width / item.height}))`;
  frame.append(make("img", { src: item.url, alt: `Your photo ${item.name}` }));
  const heat = item.answer?.heat;
  if (heat) figure.append(...heatOver(frame, heat, item.answer.predicted));
  return figure;
};

const heatOver = (frame, heat, predicted) => {
  const canvas = make("canvas", { role: "img", "aria-label": "Heat map over the photo" });
  drawHeat(canvas, heat);
  frame.append(canvas);
  const shown = make("output", { class: "quiet" });
  const slider = make("input", { type: "range", min: "0", max: "100", step: "5", value: String(100 * opacity) });
  const move = () => {
    opacity = Number(slider.value) / 100;
    canvas.style.opacity = String(opacity);
    shown.textContent = opacity ? `${Math.round(100 * opacity)} %` : "photo alone";
  };
  slider.addEventListener("input", move);
  move();
  const label = make("label", { class: "slider" }, make("span", { text: "Heat map" }), slider, shown);
  const scale = make("p", { class: "scale quiet" }, make("span", { text: "says little" }),
    make("span", { class: "colours", "aria-hidden": "true" }), make("span", { text: "says most" }));
  const caption = make("figcaption", {},
    "Bright parts speak most for “", name(predicted), "”; within the white line it is at least half of the strongest. ",
    make("span", { text: "Each map has its own scale. It shows where the model looked, not that it understood: a map over the thing proves "
      + "nothing, a map beside it is a reason to doubt." }));
  return [label, scale, caption];
};

const answerOf = (said, model, reject) => {
  const none = said.answer === NONE, unsure = said.answer === UNSURE;
  const share = percent(said.probabilities[said.predicted]);
  const title = make("h2", { class: none || unsure ? "verdict doubt" : "verdict", tabindex: "-1" });
  title.append(none ? "None of these" : unsure ? "Not sure" : name(said.answer));
  const parts = [title];
  if (none) parts.push(strangerNote(said, share));
  else if (unsure) parts.push(unsureNote(said, share, reject));
  else parts.push(make("p", { class: "sure" }, make("strong", { text: share }), " probability"));
  if (said.set && !none) parts.push(setOf(said.set, model));
  return parts;
};

const strangerNote = (said, share) => make("p", { class: "note" },
  "This photo is unlike all photos that the model learned from, so it is probably none of its classes. The nearest would be ",
  make("strong", {}, name(said.predicted)), ` (${share}), but do not rely on that.`);

const unsureNote = (said, share, reject) => make("p", { class: "note" },
  "It looks most like ", make("strong", {}, name(said.predicted)), ` (${share}), but that is less sure than it takes for `,
  reject === null ? "the chosen care." : `at most ${rate(reject)} wrong answers.`, " Look yourself.");

const setOf = (set, model) => {
  const sure = rate(model.set_level ?? 0.9);
  if (set.length === model.classes.length && set.length > 1) {
    return make("p", { class: "set-words", text: `${sure} sure only that it is one of all ${set.length} classes.` });
  }
  if (set.length === 1) return make("p", { class: "set-words", text: `At the ${sure} level no other class comes into question.` });
  return make("p", { class: "set-words" }, `${sure} sure to be one of: `, make("strong", {}, ...listed(set)), ".");
};

const barsOf = (said) => {
  const faint = said.answer === NONE;
  const order = Object.entries(said.probabilities).sort((a, b) => b[1] - a[1]);
  const list = make("ol", { class: faint ? "bars faint" : "bars", "aria-label": "Classes by probability" });
  order.forEach(([one, share], place) => list.append(barOf(one, share, place)));
  if (order.length <= SHOWN + 2) return [list];
  const rest = [...list.children].slice(SHOWN);
  const hide = (hidden) => rest.forEach((row) => { row.hidden = hidden; });
  const more = make("button", { type: "button", class: "plain" });
  const fold = (folded) => {
    hide(folded);
    more.textContent = folded ? `Show all ${order.length} classes` : `Show the first ${SHOWN} alone`;
    more.setAttribute("aria-expanded", String(!folded));
  };
  fold(true);
  more.addEventListener("click", () => fold(more.getAttribute("aria-expanded") === "true"));
  return [list, more];
};

const barOf = (one, share, place) => {
  const fill = make("span", { class: "fill" });
  fill.style.width = `${100 * share}%`;
  return make("li", { class: place ? "" : "first" }, make("span", { class: "bar-name" }, name(one)),
    make("span", { class: "bar-share", text: percent(share) }), make("span", { class: "bar", "aria-hidden": "true" }, fill));
};

const problemOf = (item, model, again) => {
  const parts = [
    make("h2", { class: "verdict doubt", tabindex: "-1", text: "No answer" }),
    make("p", { class: "note", text: item.advice ?? explained(item.error, model.limits) }),
  ];
  if (!item.advice) parts.push(make("p", { class: "quiet" }, "The server’s words: ", name(item.error)));
  if (item.retry) parts.push(make("button", { type: "button", text: "Try again", onclick: () => again(item) }));
  return parts;
};
