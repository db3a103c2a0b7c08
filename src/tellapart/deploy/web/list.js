// Several photos as a table; the name of a photo opens its details.

import { NONE, UNSURE, listed, make, name, percent } from "./words.js";

const STATES = { waiting: "waiting", sending: "looking …", error: "no answer" };

/** Rows of the table, one for each photo; `open(photo)` shows its details. */
export const makeList = (body, open) => {
  const rows = new Map();
  return {
    add: (photo) => {
      const row = make("tr");
      rows.set(photo, row);
      fill(row, photo, open);
      body.append(row);
    },
    update: (photo) => {
      const row = rows.get(photo);
      if (row) refill(row, photo);
    },
    /** The button of a photo, to give the focus back to. */
    button: (photo) => rows.get(photo)?.querySelector("button"),
    clear: () => {
      rows.clear();
      body.replaceChildren();
    },
  };
};

const fill = (row, photo, open) => {
  const button = make("button", { type: "button", class: "row-button", onclick: () => open(photo) },
    make("span", { class: "thumb" }), make("span", { class: "row-name" }, name(photo.name)));
  row.append(make("th", { scope: "row" }, button), make("td", { class: "said" }), make("td", { class: "number" }), make("td", { class: "set" }));
  row.addEventListener("click", (event) => { if (!event.target.closest("button")) open(photo); });
  refill(row, photo);
};

const refill = (row, photo) => {
  const [head, said, share, set] = row.children;
  const thumb = head.querySelector(".thumb");
  if (photo.shown && !thumb.firstChild) thumb.append(make("img", { src: photo.url, alt: "", loading: "lazy", decoding: "async" }));
  const answer = photo.answer;
  row.className = photo.state === "error" ? "failed" : photo.state;
  if (!answer) {
    const failed = photo.state === "error";
    said.replaceChildren(make("span", { class: failed ? "tag" : "quiet", text: STATES[photo.state] }));
    if (failed) said.append(make("span", { class: "quiet under" }, name(photo.error)));
    share.replaceChildren(failed ? "–" : "");
    set.replaceChildren(failed ? "–" : "");
    return;
  }
  const doubt = answer.answer === NONE || answer.answer === UNSURE;
  said.replaceChildren(doubt ? make("span", { class: "tag", text: answer.answer }) : make("strong", {}, name(answer.answer)));
  if (doubt) said.append(make("span", { class: "quiet under" }, "nearest: ", name(answer.predicted)));
  // How near it is to its nearest class says nothing of a photo that is none of them.
  const sure = answer.answer === NONE ? "–" : percent(answer.probabilities[answer.predicted]);
  if (sure !== "–") said.append(make("span", { class: "quiet under narrow", text: sure }));
  share.replaceChildren(sure);
  set.replaceChildren(...(answer.set && answer.answer !== NONE ? listed(answer.set) : ["–"]));
};
