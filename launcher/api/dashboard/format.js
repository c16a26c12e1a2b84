// Values as text. Pure; every function returns "–" for what is not known.
const unknown = "–";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// 1234567 → "1.23 M"; three significant digits.
export function count(value) {
  if (!isNumber(value)) return unknown;
  for (const [scale, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= scale * 0.99995) return `${significant(value / scale)} ${unit}`;
  }
  return Number.isInteger(value) ? String(value) : significant(value);
}

export function significant(value, digits = 3) {
  if (!isNumber(value)) return unknown;
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -4) return value.toExponential(1);
  return value.toFixed(Math.max(0, Math.min(6, digits - 1 - magnitude)));
}

// The same text without zeros that say nothing: "50.0 k" → "50 k". For axes.
export const short = (text) => text.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");

export const loss = (value) => (isNumber(value) ? value.toFixed(Math.abs(value) < 100 ? 3 : 1) : unknown);

export const milliseconds = (value) => (isNumber(value) ? `${significant(value)} ms` : unknown);

export function bytes(value) {
  if (!isNumber(value)) return unknown;
  for (const [scale, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (value >= scale) return `${significant(value / scale)} ${unit}`;
  }
  return `${value} B`;
}

// Seconds → "3 d 4 h", "2 h 05 m", "4 m 09 s", "12 s".
export function duration(seconds) {
  if (!isNumber(seconds)) return unknown;
  const whole = Math.max(0, Math.round(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const days = Math.floor(whole / 86400);
  const hours = Math.floor(whole / 3600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${two(minutes)} m`;
  if (minutes) return `${minutes} m ${two(whole % 60)} s`;
  return `${whole} s`;
}

// How long ago a time (seconds since the epoch) was.
export function ago(time, now) {
  if (!isNumber(time) || time <= 0) return unknown;
  const seconds = now - time;
  return seconds < 2 ? "now" : `${duration(seconds)} ago`;
}

// Thousands are set apart by narrow spaces.
export const integer = (value) =>
  isNumber(value) ? value.toLocaleString("en-US").replaceAll(",", "\u202f") : unknown;

// The program's own name and arguments, without its folder.
export function command(words) {
  if (!words || words.length === 0) return "";
  return [words[0].split("/").pop(), ...words.slice(1)].join(" ");
}
