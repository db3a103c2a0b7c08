// How photos come in: chosen, dropped, pasted, or taken by a phone's own camera.

// Without HEIC in this list an iPhone hands over a JPEG.
const TYPES = "image/jpeg,image/png,image/webp,image/bmp,image/gif,image/tiff,.jpg,.jpeg,.png,.webp,.bmp,.gif,.tif,.tiff";
const PHOTO = /\.(jpe?g|jpe|jfif|png|webp|bmp|dib|gif|tiff?|hei[cf])$/i;

/** Call `take(files)` with whatever comes in. */
export const openIntake = (parts, take) => {
  const { choose, files, shot } = parts;
  files.accept = TYPES;
  choose.addEventListener("click", () => files.click());
  for (const input of [files, shot]) {
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = ""; // the same file may be chosen again
    });
  }
  listenForDrops(choose, take);
  document.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length) return;
    event.preventDefault();
    take(pasted.map((file) => (file.name === "image.png" ? renamed(file, "pasted photo.png") : file)));
  });
};

export const renamed = (file, fileName) => new File([file], fileName, { type: file.type });

const listenForDrops = (zone, take) => {
  let depth = 0; // dragenter and dragleave come for each element that is crossed
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    zone.classList.toggle("over", depth > 0);
  };
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragenter", (event) => { if (hasFiles(event)) mark(1); });
  document.addEventListener("dragleave", (event) => { if (hasFiles(event)) mark(-1); });
  document.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark(0);
    take(await filesOf(event.dataTransfer));
  });
};

/** Dropped files, and the photos in dropped folders. */
const filesOf = async (dropped) => {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...dropped.files];
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  try {
    return (await Promise.all(entries.map((entry) => filesIn(entry, true)))).flat();
  } catch {
    return plain; // a folder that may not be read: as a file, it is told as one that cannot be read
  }
};

const filesIn = async (entry, asked) => {
  if (entry.isFile) {
    if (!asked && !(PHOTO.test(entry.name) && !entry.name.startsWith("."))) return [];
    return [await new Promise((resolve, reject) => entry.file(resolve, reject))].filter(Boolean);
  }
  const reader = entry.createReader(), found = [];
  for (;;) { // a folder is read in parts of a hundred
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) break;
    found.push(...part);
  }
  found.sort((a, b) => a.name.localeCompare(b.name));
  return (await Promise.all(found.map((one) => filesIn(one, false)))).flat();
};
