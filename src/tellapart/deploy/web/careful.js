// How careful: the share of wrong answers from which on the model had better say "not sure".

import { make, rate } from "./words.js";

const OFFERED = [null, 0.05, 0.01];

/** The choices; `choose(reject)` gets the wished share of wrong answers, or null for always a class. */
export const makeCareful = (parts, choose) => {
  const { choices, words } = parts;
  let chosen = null;

  const tell = () => {
    words.textContent = chosen === null
      ? "It names a class every time, however unsure, unless the photo is none of them."
      : `It says “not sure” rather than let more than about ${rate(chosen)} of its answers be wrong.`;
  };
  const add = (reject) => {
    const input = make("input", { type: "radio", name: "careful", value: String(reject ?? "") });
    input.addEventListener("change", () => { set(reject); choose(reject); });
    const label = make("label", { class: "choice" }, input, make("span", { text: reject === null ? "Always answer" : `At most ${rate(reject)} wrong` }));
    choices.append(label);
    return input;
  };
  /** Show a choice as made, adding it where it is not offered yet. */
  const set = (reject) => {
    chosen = reject;
    const value = String(reject ?? "");
    const input = [...choices.querySelectorAll("input")].find((one) => one.value === value) ?? add(reject);
    input.checked = true;
    tell();
  };

  OFFERED.forEach(add);
  set(null);
  return { set };
};

/** The nearest share that can be promised, out of the server's words; null where none can. */
export const nearest = (message) => {
  const found = /Accepted: ([0-9.]*[0-9]) or more/.exec(message);
  const share = found ? Number(found[1]) : NaN;
  return share > 0 && share < 1 ? share : null;
};
