// The page: photos come in, go to the server a few at a time, and their answers are shown.

import { openCamera } from "./camera.js";
import { makeCareful, nearest } from "./careful.js";
import { csvOf, download } from "./csv.js";
import { detailOf } from "./detail.js";
import { showClasses, showFacts } from "./facts.js";
import { openIntake } from "./intake.js";
import { makeList } from "./list.js";
import { makeQueue } from "./queue.js";
import { Locked, Gone, Busy, Refused, askModel, hasToken, setToken, tokenFromAddress } from "./server.js";
import { NONE, UNSURE, counted, make, percent, rate, tooLarge } from "./words.js";

const byId = (id) => document.getElementById(id);
const state = { photos: [], model: null, reject: null, alone: null, open: null };

// What is told: a notice for the eye with a way on, a live region for the ear.

const say = (text) => { byId("live").textContent = text; };

const notify = (kind, ...content) => byId("notice").replaceChildren(make("div", { class: `note ${kind}` }, ...content));
const quiet = () => byId("notice").replaceChildren();

const told = (photo) => {
  if (photo.state === "error") return `${photo.name}: no answer. ${photo.advice ?? photo.error}`;
  const { answer, predicted, probabilities } = photo.answer;
  const share = percent(probabilities[predicted]);
  return `${photo.name}: ${answer === NONE || answer === UNSURE ? `${answer}; nearest ${predicted}` : answer}, ${share}`;
};

// The model.

const start = async () => {
  try {
    state.model = await askModel();
  } catch (problem) {
    return stopped(problem);
  }
  quiet();
  byId("model-name").textContent = state.model.name;
  showClasses(byId("classes"), state.model);
  showFacts(byId("facts"), state.model);
  const level = document.querySelector("th.set");
  level.hidden = !state.model.has_sets;
  document.body.classList.toggle("no-sets", !state.model.has_sets);
  state.photos.forEach(weigh);
  return goOn();
};

const goOn = () => {
  quiet();
  if (!state.model) return start();
  show();
  return queue.resume();
};

// Photos.

const take = async (files) => {
  if (!files.length) return;
  const added = files.map((file) => ({
    file, name: file.name || "photo", url: URL.createObjectURL(file), state: "waiting", answer: null, error: "", shown: false,
  }));
  await Promise.all(added.length <= 4 ? added.map(measure) : []);
  if (added.length > 4) added.forEach((photo) => measure(photo).then(() => changed(photo)));
  state.photos.push(...added);
  added.forEach((photo) => { weigh(photo); list.add(photo); });
  state.alone = added.length === 1 ? added[0] : null;
  show();
  if (state.alone) bringIntoView(byId("one"));
  if (!byId("notice").firstChild) say(added.length === 1 ? `Looking at ${added[0].name}` : `Looking at ${counted(added.length, "photo")}`);
  if (state.model) queue.run();
};

/** Scroll to an answer that begins too low, or above the window; on a phone its photo shall be seen as well. */
const bringIntoView = (element) => {
  const { top } = element.getBoundingClientRect();
  const lowest = innerHeight * (innerWidth < 640 ? 0.2 : 0.6);
  if (top < 0 || top > lowest) element.scrollIntoView({ block: "start" });
};

/** The size of a photo as the browser shows it, upright; what it cannot show stays without one. */
const measure = (photo) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => {
    Object.assign(photo, { shown: image.naturalWidth > 0, width: image.naturalWidth, height: image.naturalHeight });
    resolve();
  };
  image.onerror = resolve;
  image.src = photo.url;
});

/** A file over the limit is not sent at all. */
const weigh = (photo) => {
  const limit = state.model?.limits.body_megabytes;
  if (!limit || photo.state !== "waiting" || photo.file.size <= limit * 1e6 - 20_000) return;
  Object.assign(photo, { state: "error", error: `over ${limit} MB`, advice: tooLarge(photo.file.size, limit) });
};

const clear = () => {
  queue.hold();
  state.photos.forEach((photo) => URL.revokeObjectURL(photo.url));
  Object.assign(state, { photos: [], alone: null });
  list.clear();
  quiet();
  show();
  say("All photos are gone from the page.");
  byId("choose").focus();
  queue.release();
};

const again = (photo) => {
  Object.assign(photo, { state: "waiting", answer: null, error: "", alone: true });
  changed(photo);
  queue.run();
};

// What is shown of them.

const show = () => {
  const many = state.photos.length > 1;
  document.body.classList.toggle("busy", state.photos.length > 0);
  byId("many").hidden = !many;
  byId("one").hidden = !state.alone;
  byId("one").replaceChildren(...(state.alone ? [detailNode(state.alone)] : []));
  showProgress();
};

const detailNode = (photo) => detailOf(photo, state.model ?? { limits: {}, classes: [] }, { reject: state.reject, again });

const showProgress = () => {
  const all = state.photos.length, ready = state.photos.filter((photo) => photo.answer || photo.state === "error").length;
  const failed = state.photos.filter((photo) => photo.state === "error").length;
  const bar = byId("progress");
  bar.max = Math.max(1, all);
  bar.value = ready;
  bar.classList.toggle("full", ready === all);
  const without = failed ? `, ${failed} without an answer` : "";
  byId("many-words").textContent = ready < all ? `${ready} of ${all} looked at${without}` : `${counted(all, "photo")}${without}`;
  byId("stop").hidden = ready === all;
  byId("stop").textContent = queue.held ? "Go on" : "Stop";
  return ready === all;
};

/** Show a photo's details anew; the keyboard stays there if it was there. */
const renew = (host, photo) => {
  const held = host.contains(document.activeElement);
  host.replaceChildren(detailNode(photo));
  if (held) host.querySelector("h2").focus({ preventScroll: true });
};

/** A photo has changed: its row, its details where they are open, and what is read aloud. */
const changed = (photo) => {
  list.update(photo);
  const isDone = photo.state === "done" || photo.state === "error";
  if (photo === state.alone) renew(byId("one"), photo);
  if (photo === state.open) renew(byId("detail-body"), photo);
  showProgress();
  if (photo === state.alone && isDone) say(told(photo));
};

const rested = () => {
  if (showProgress() && state.photos.length > 1 && !state.alone) {
    const failed = state.photos.filter((photo) => photo.state === "error").length;
    say(`All ${state.photos.length} photos are looked at${failed ? `, ${failed} without an answer` : ""}.`);
  }
};

// The details of one of several.

const open = (photo) => {
  state.open = photo;
  const place = state.photos.indexOf(photo);
  byId("detail-body").replaceChildren(detailNode(photo));
  byId("place").textContent = `${place + 1} of ${state.photos.length}`;
  byId("previous").disabled = place === 0;
  byId("next").disabled = place === state.photos.length - 1;
  if (!byId("detail").open) byId("detail").showModal();
  byId("detail").scrollTop = 0;
  byId("detail-body").querySelector("h2").focus({ preventScroll: true });
};

const step = (by) => {
  const photo = state.photos[state.photos.indexOf(state.open) + by];
  if (photo) open(photo);
};

// What goes wrong.

const stopped = (problem) => {
  if (!state.model) byId("classes").replaceChildren(make("p", { class: "lead", text: "The model has not been asked yet." }));
  const more = state.photos.length ? " Your photos are still here." : "";
  const retry = make("button", { type: "button", class: "primary", text: "Try again", onclick: goOn });
  if (problem instanceof Locked) return askToken();
  if (problem instanceof Refused && state.reject !== null) return refused(problem);
  if (problem instanceof Busy) notify("", make("p", { text: `The server has too much to do.${more}` }), retry);
  else if (problem instanceof Gone) {
    const text = `The server does not answer.${more} Start it again (tellapart serve), or look at your network; then press “Try again”.`;
    notify("", make("p", { text }), retry);
  } else notify("", make("p", { text: `Something went wrong.${more}` }), make("p", { class: "quiet", text: problem.message }), retry);
  return showProgress();
};

const askToken = () => {
  const field = make("input", { type: "password", id: "token", autocomplete: "current-password", required: true, spellcheck: "false" });
  const user = make("input", { type: "text", autocomplete: "username", value: "tellapart", hidden: true });
  const form = make("form", { class: "token" },
    make("label", { for: "token", text: hasToken() ? "The token is wrong. Type the right one:" : "This server asks for a token:" }),
    user, field, make("button", { type: "submit", class: "primary", text: "Go on" }),
    make("p", { class: "quiet", text: "Who started the server has it: it is what --token was given, or the line that it printed. It is kept until this page is closed." }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(field.value.trim());
    goOn();
  });
  notify("", form);
  field.focus();
};

const refused = (problem) => {
  const wished = state.reject, least = nearest(problem.message);
  const off = make("button", { type: "button", text: "Always answer", onclick: () => choose(null) });
  if (least === null) {
    notify("", make("p", { text: "This model cannot promise a share of wrong answers." }), make("p", { class: "quiet", text: problem.message }), off);
  } else {
    const text = `This model cannot promise at most ${rate(wished)} wrong answers: it was checked on too few photos for that. `
      + `The least that it can promise is ${rate(least)}.`;
    notify("", make("p", { text }), make("button", { type: "button", class: "primary", text: `Take ${rate(least)}`, onclick: () => choose(least) }), off);
  }
  return showProgress();
};

/** Another care: all photos are asked for again, as only the server knows how sure is sure enough. */
const choose = async (reject) => {
  queue.hold();
  await queue.rest();
  state.reject = reject;
  careful.set(reject);
  for (const photo of state.photos) {
    if (photo.state === "done") Object.assign(photo, { state: "waiting" });
    list.update(photo);
  }
  goOn();
};

// All parts put together.

const queue = makeQueue(state, {
  changed,
  rested,
  stopped,
  busy: (seconds) => {
    if (!seconds) return quiet();
    // Read aloud once; the seconds run for the eye alone.
    if (!byId("notice").querySelector(".waiting")) {
      notify("waiting", make("p", {}, "The server has much to do. Your photos are waiting here; trying again ", make("span", { "aria-hidden": "true" })));
    }
    byId("notice").querySelector(".waiting span").textContent = `in ${seconds} s`;
    return undefined;
  },
});
const list = makeList(byId("rows"), open);
const careful = makeCareful({ choices: byId("careful-choices"), words: byId("careful-words") }, choose);

openIntake({ choose: byId("choose"), files: byId("files"), shot: byId("shot") }, take);
openCamera({
  shoot: byId("shoot"), shot: byId("shot"), dialog: byId("camera"), video: byId("video"), button: byId("take"),
  close: byId("camera-close"), words: byId("camera-words"),
}, take);
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => byId("detail").close());
byId("detail").addEventListener("keydown", (event) => {
  if (event.target.matches("input")) return; // its arrows move the slider
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
byId("detail").addEventListener("click", (event) => { if (event.target === byId("detail")) byId("detail").close(); });
byId("detail").addEventListener("close", () => {
  const photo = state.open;
  state.open = null;
  list.button(photo)?.focus();
});
byId("stop").addEventListener("click", () => {
  if (queue.held) return goOn();
  queue.hold();
  return showProgress();
});
byId("clear").addEventListener("click", clear);
byId("download").addEventListener("click", () => download(csvOf(state.photos, state.model?.classes ?? []), "answers.csv"));
addEventListener("hashchange", () => { if (tokenFromAddress()) goOn(); });

tokenFromAddress();
start();
