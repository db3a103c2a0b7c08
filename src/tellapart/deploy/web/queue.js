// Photos on their way to the server: a few at a time, none lost.

import { Busy, Refused, askAnswers } from "./server.js";

const AT_ONCE = 4; // photos a request: answers come soon, and a lost request costs little
const OVERHEAD = 20_000; // bytes of a form around its photos

/**
 * Send photos that are "waiting" until none is left.
 *
 * `state`: {photos, model, reject}. `hooks`: changed(photo) after each change, busy(seconds) while the server has too
 * much to do (0: no longer), stopped(problem) where it cannot go on (Gone, Locked, or Refused because of `reject`), and
 * rested() when nothing is under way any more.
 */
export const makeQueue = (state, hooks) => {
  let running = false, controller = null, held = false, resting = Promise.resolve();

  const set = (photo, fields) => {
    Object.assign(photo, fields);
    hooks.changed(photo);
  };

  const run = () => {
    if (!running && !held) resting = work();
    return resting;
  };

  const work = async () => {
    running = true;
    try {
      for (let group = next(); group.length && !held; group = next()) await send(group);
    } catch (problem) {
      held = true;
      hooks.stopped(problem);
    } finally {
      running = false;
      hooks.rested();
    }
  };

  const next = () => {
    const most = state.model.limits.body_megabytes * 1e6 - OVERHEAD;
    const group = [];
    let bytes = 0;
    for (const photo of state.photos) {
      if (photo.state !== "waiting") continue;
      const full = group.length >= Math.min(AT_ONCE, state.model.limits.photos_per_request);
      if (full || (group.length && (photo.alone || bytes + photo.file.size > most))) break;
      group.push(photo);
      bytes += photo.file.size;
      if (photo.alone) break;
    }
    return group;
  };

  const send = async (chosen) => {
    const group = await readable(chosen);
    if (!group.length) return;
    controller = new AbortController();
    const { signal } = controller;
    try {
      group.forEach(({ photo }) => set(photo, { state: "sending" }));
      const answers = await askAnswers(group.map((one) => one.blob), { reject: state.reject, heat: state.model.has_heat, signal });
      group.forEach(({ photo }, place) => settle(photo, answers[place]));
    } catch (problem) {
      const back = group.filter(({ photo }) => photo.state === "sending").map(({ photo }) => photo);
      if (!signal.aborted && isPhotosFault(problem)) return blame(back, problem);
      back.forEach((photo) => set(photo, { state: "waiting" }));
      if (signal.aborted) return;
      if (!(problem instanceof Busy)) throw problem;
      await patience(problem.seconds, signal);
    } finally {
      controller = null;
    }
  };

  /** The bytes of each file; one that was moved or changed meanwhile is told so, and the server is not blamed. */
  const readable = async (chosen) => {
    const found = [];
    for (const photo of chosen) {
      try {
        found.push({ photo, blob: new Blob([await photo.file.arrayBuffer()]) });
      } catch {
        set(photo, { state: "error", error: "cannot be read", advice: "The file cannot be read any more: it was moved or changed. Choose it again." });
      }
    }
    return found.filter(({ photo }) => state.photos.includes(photo) && photo.state === "waiting");
  };

  const settle = (photo, answer) => {
    if (answer.error === undefined) set(photo, { state: "done", answer, error: "" });
    else set(photo, { state: "error", answer: null, error: String(answer.error) });
  };

  const isPhotosFault = (problem) => problem instanceof Refused && !(problem.status === 400 && state.reject !== null);

  /** A request that fails for one of its photos is sent photo by photo. */
  const blame = (group, problem) => {
    if (group.length > 1) return group.forEach((photo) => set(photo, { state: "waiting", alone: true }));
    const retry = problem.status >= 500 || problem.status === 408;
    return set(group[0], { state: "error", answer: null, error: problem.message, retry });
  };

  const patience = async (seconds, signal) => {
    for (let left = Math.ceil(seconds); left > 0 && !signal.aborted; left -= 1) {
      hooks.busy(left);
      await new Promise((resolve) => {
        const clock = setTimeout(resolve, 1000);
        signal.addEventListener("abort", () => { clearTimeout(clock); resolve(); }, { once: true });
      });
    }
    hooks.busy(0);
  };

  return {
    run,
    /** Call back what is being sent, and send nothing more before `resume` or `release`. */
    hold: () => { held = true; controller?.abort(); },
    release: () => { held = false; },
    resume: async () => { await resting; held = false; return run(); },
    /** Wait until nothing is under way. */
    rest: () => resting,
    get held() { return held; },
  };
};
