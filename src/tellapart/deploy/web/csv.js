// The table as a file: the same columns as `tellapart predict --out a.csv`.

const BYTE_ORDER_MARK = "\ufeff"; // without it Excel takes UTF-8 for something else

/** The whole text of the file. */
export const csvOf = (items, classes) => {
  const head = ["path", "predicted", ...classes.map(column), "error", "answer", "set", "stranger"];
  return BYTE_ORDER_MARK + [head, ...items.map((item) => row(item, classes))].map(line).join("");
};

/** A class that is called as one of the other columns. */
const column = (one) => (/^(path|predicted|error|answer|set|stranger)( \(class\))*$/.test(one) ? `${one} (class)` : one);

const row = (item, classes) => {
  const said = item.answer;
  if (!said) return [item.name, "", ...classes.map(() => ""), item.error || "not sent", "", "", ""];
  const shares = classes.map((one) => number(said.probabilities[one]));
  const set = (said.set ?? []).map((one) => one.replace(/[\\|]/g, "\\$&")).join("|");
  return [item.name, said.predicted, ...shares, "", said.answer, set, number(said.stranger)];
};

const number = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(6))) : "");
const line = (cells) => `${cells.map(cell).join(",")}\r\n`;

/** A spreadsheet runs a cell that begins like a formula: an apostrophe makes it text. */
const cell = (value) => {
  const safe = /^[\s'"]*[\t\r\n=+\-@\uff1d\uff0b\uff0d\uff20]/.test(value) ? `'${value}` : value;
  return /[,;\t"\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

export const download = (text, fileName) => {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
};
