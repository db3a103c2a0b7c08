// Everything that is said to the server, and what may come back.

const PATIENCE = 120_000; // milliseconds; the server's own deadline comes long before

/** The server cannot be reached, or is starting or stopping. */
export class Gone extends Error {}
/** It has too much to do; try again after `seconds`. */
export class Busy extends Error {
  constructor(message, seconds) {
    super(message);
    this.seconds = seconds;
  }
}
/** It wants a token, or another one. */
export class Locked extends Error {}
/** It refuses this request, in plain words. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

let token = "";
export const setToken = (text) => { token = text; };
export const hasToken = () => token !== "";

/** Take the token out of the page's address, so that it is neither seen nor kept in the history. */
export const tokenFromAddress = () => {
  const found = /(?:^#|&)token=([^&]*)/.exec(location.hash);
  if (!found) return false;
  try {
    token = decodeURIComponent(found[1]);
  } catch {
    token = found[1];
  }
  history.replaceState(null, "", location.pathname + location.search);
  return true;
};

export const askModel = async () => (await ask("model", {})).json();

/**
 * Ask for the answers to some photos, in their order.
 * `photos`: blobs; `reject`: the wished share of wrong answers, or null.
 */
export const askAnswers = async (photos, { reject, heat, signal }) => {
  const form = new FormData();
  // The name of a file is nobody's business but its owner's.
  photos.forEach((photo, place) => form.append("photo", photo, `photo-${place + 1}`));
  const query = new URLSearchParams({ heat: String(heat) });
  if (reject !== null) query.set("reject", String(reject));
  const answer = await ask(`predict?${query}`, { method: "POST", body: form, signal });
  const { answers } = await answer.json().catch(() => ({}));
  if (!Array.isArray(answers) || answers.length !== photos.length) throw new Gone("The answer was cut off.");
  return answers;
};

const ask = async (address, options) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const controller = new AbortController();
  const stop = () => controller.abort();
  const clock = setTimeout(stop, PATIENCE);
  options.signal?.addEventListener("abort", stop, { once: true });
  let answer;
  try {
    answer = await fetch(address, { ...options, headers, signal: controller.signal, cache: "no-store" });
  } catch (problem) {
    if (options.signal?.aborted) throw problem;
    throw new Gone("The server does not answer.");
  } finally {
    clearTimeout(clock);
  }
  if (!answer.ok) await complain(answer);
  return answer;
};

/** Throw what an answer other than 200 means; 422 with answers is one of the good ones. */
const complain = async (answer) => {
  const body = await answer.clone().json().catch(() => ({}));
  if (answer.status === 422 && Array.isArray(body.answers)) return;
  const message = typeof body.error === "string" ? body.error : `The server answered with ${answer.status}.`;
  const seconds = Math.min(60, Math.max(1, Number(answer.headers.get("Retry-After")) || 1));
  if (answer.status === 401) throw new Locked(message);
  if (answer.status === 429) throw new Busy(message, seconds);
  if (answer.status === 503 && answer.headers.has("Retry-After")) throw new Busy(message, seconds);
  if (answer.status === 502 || answer.status === 503) throw new Gone(message);
  throw new Refused(message, answer.status);
};
