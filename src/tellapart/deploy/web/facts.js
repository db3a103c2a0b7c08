// What the model is, and how far to trust it, in plain words.

import { counted, listed, make, name, percent, rate } from "./words.js";

const CHIPS = 24;

/** The classes under the title, as chips. */
export const showClasses = (host, model) => {
  const list = make("ul", { class: "chips", "aria-label": "Classes" });
  model.classes.slice(0, CHIPS).forEach((one) => list.append(make("li", {}, name(one))));
  if (model.classes.length > CHIPS) list.append(make("li", { class: "quiet", text: `and ${model.classes.length - CHIPS} more` }));
  host.replaceChildren(make("p", { class: "lead", text: `This model tells ${counted(model.classes.length, "class", "classes")} apart:` }), list);
};

/** The cards at the foot of the page. */
export const showFacts = (host, model) => {
  host.replaceChildren(
    make("h2", { text: "How far to trust it" }),
    make("div", { class: "cards" }, card("How good is it?", goodness(model)), card("What it knows", knowledge(model)),
      card("Your photos", privacy(model))),
    details(model),
  );
};

const card = (title, parts) => make("section", { class: "card" }, make("h3", { text: title }), ...parts);

const goodness = (model) => {
  const test = model.scores?.test;
  if (!test || !Number.isFinite(test.accuracy)) return [make("p", { text: "The model file holds no test scores: nothing is known of how good it is." })];
  const parts = [
    make("p", { class: "figure-large", text: percent(test.accuracy) }),
    make("p", {}, `of ${counted(test.n, "test photo")} that it had never seen were named correctly. On new photos of the same kind expect `,
      make("strong", { text: `${percent(test.accuracy_low)} to ${percent(test.accuracy_high)}` }), " (95\u00a0% interval)."),
  ];
  parts.push(make("p", { text: "Photos unlike those it learned from, by other cameras, in other light or other places, are not covered: try some of your own whose answer you know." }));
  if (Number.isFinite(test.macro_f1)) parts.push(make("p", { class: "quiet", text: `Macro F1 ${test.macro_f1.toFixed(2)}, where every class counts the same.` }));
  return parts;
};

const knowledge = (model) => {
  const known = make("p", {}, "It knows ", ...listed(model.classes.slice(0, 8), model.classes.length > 8 ? ", " : " and "),
    model.classes.length > 8 ? ` and ${model.classes.length - 8} more.` : ", and nothing else.");
  const parts = [known];
  if (model.knows_strangers) {
    const alarms = model.stranger_false_alarms ? ` About ${rate(model.stranger_false_alarms)} of good photos are turned away by mistake.` : "";
    parts.push(make("p", { text: `It says “none of these” where a photo is unlike all that it learned from.${alarms} Things that merely resemble its classes often pass.` }));
  } else {
    parts.push(make("p", { text: "It cannot say “none of these”: shown anything else, it names one of its classes all the same." }));
  }
  if (model.has_sets) parts.push(make("p", { class: "quiet", text: `“${rate(model.set_level ?? 0.9)} sure to be one of” holds the right class for about that share of photos.` }));
  return parts;
};

const privacy = (model) => {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return [
    make("p", { text: here ? "The server runs on this computer: your photos do not leave it." : `Your photos go to ${location.host}, and nowhere else.` }),
    make("p", { text: "Nothing is kept. A photo is read, answered and forgotten; this list is gone when the page is closed." }),
    make("p", { class: "quiet", text: `Accepted: ${model.limits.formats.join(", ")}; up to ${model.limits.body_megabytes} MB and ${model.limits.photo_megapixels} megapixels a photo.` }),
  ];
};

const details = (model) => {
  const rows = [
    ["Model", model.name], ["Recipe", model.recipe], ["Backbone", model.backbone], ["Licence of the backbone", model.licence],
    ["Input", `${model.image_size} × ${model.image_size} pixels, ${GEOMETRY[model.geometry] ?? model.geometry}`],
    ["Heat map", model.has_heat ? "in every answer" : "this model file has none"],
    ["Fingerprint of its photos", model.fingerprints?.photos], ["Tellapart", model.version],
  ];
  const list = make("dl", { class: "facts-list" });
  for (const [term, value] of rows) if (value) list.append(make("dt", { text: term }), make("dd", {}, name(String(value))));
  return make("details", {}, make("summary", { text: "Details of the model" }), list);
};

const GEOMETRY = {
  squash: "the whole photo, squashed to a square",
  letterbox: "the whole photo, with bars",
  crop: "the middle square of the photo: what lies outside is not seen",
};
