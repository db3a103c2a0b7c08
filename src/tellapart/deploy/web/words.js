// Numbers and answers as people read them.

export const NONE = "none of these";
export const UNSURE = "not sure";
const NO_BREAK = "\u00a0";

/** A share as per cent: "94.2 %", never a false 0 or 100. */
export const percent = (share) => {
  if (!Number.isFinite(share)) return "–";
  if (share > 0 && share < 0.0005) return `< 0.1${NO_BREAK}%`;
  if (share < 1 && share >= 0.9995) return `> 99.9${NO_BREAK}%`;
  return `${(100 * share).toFixed(1)}${NO_BREAK}%`;
};

/** A share that people chose, without needless decimals: "5 %". */
export const rate = (share) => `${Number((100 * share).toFixed(2))}${NO_BREAK}%`;

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)}${NO_BREAK}MB`;

export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** An element. Text becomes text, never markup; a property such as `class` becomes an attribute. */
export const make = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

/** A name by itself: it may be written from right to left. */
export const name = (text) => make("bdi", { text });

/** Names with commas between them and a word before the last: chair, sofa or table. */
export const listed = (names, last = " or ") => {
  const parts = [];
  names.forEach((one, place) => {
    if (place) parts.push(place === names.length - 1 ? last : ", ");
    parts.push(name(one));
  });
  return parts;
};

/** Why a photo was not answered: what it means and what to do, then the server's own words. */
export const explained = (error, limits) => {
  if (/accepted format|not a photo/i.test(error)) {
    return `This is no photo that the model can open. It opens ${limits.formats.join(", ")}. `
      + "Photos of an iPhone are often HEIC: share them as JPEG, or set the camera to “Most compatible”.";
  }
  if (/megapixel/i.test(error)) {
    return `The photo has too many pixels: up to ${limits.photo_megapixels} megapixels are accepted. Save a smaller copy and show that.`;
  }
  if (/memory/i.test(error)) return "The photo takes too much memory to open. Save a smaller copy and show that.";
  if (/empty/i.test(error)) return "The file is empty.";
  if (/damaged|truncated/i.test(error)) return "The file is damaged or was cut off. Copy it from the camera or phone again.";
  if (/deadline|too long|takes over/i.test(error)) return "The server took too long over this photo. Try again in a while.";
  return "The photo could not be answered.";
};

/** What a file over the limit is told; shrinking it here would change the answer. */
export const tooLarge = (bytes, limit) =>
  `The file has ${megabytes(bytes)}; this server accepts up to ${limit}${NO_BREAK}MB. Save a smaller copy (for example `
  + "3000 pixels wide, as JPEG) and show that. It is not made smaller here, because that could change the answer.";
