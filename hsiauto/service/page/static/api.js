/** The API of the service. Whatever it refuses is a `Refused` with the service's own sentence. */

export class Refused extends Error {
  constructor(status, { rule, received, remedy }) {
    super([`${rule.replace(/\.$/, "")}${received ? `; received ${received}` : ""}.`, remedy].filter(Boolean).join(" "));
    Object.assign(this, { status, rule });
  }
}

function refusal(status, text) {
  if (status === 401) location.assign("/login");
  try {
    return new Refused(status, JSON.parse(text).error);
  } catch {
    return new Refused(status, { rule: status ? `the service answered with status ${status}` : "the service cannot be reached", remedy: "Try again." });
  }
}

/** The answer to a request, as JSON; null if it has no content. Throws Refused. */
export async function api(path, { method = "GET", body, headers = {}, signal } = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
  const answer = await fetch(`/api${path}`, { method, signal, headers, ...sent }).catch((error) => {
    throw error.name === "AbortError" ? error : refusal(0, "");
  });
  const text = await answer.text();
  if (!answer.ok) throw refusal(answer.status, text);
  return text ? JSON.parse(text) : null;
}

/** Send a file as it is. `progress(share)` hears how far it is; the promise has `abort`. Throws Refused. */
export function put(path, file, progress) {
  const request = new XMLHttpRequest(); // fetch does not say how much it has sent
  const sent = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => progress(event.total ? event.loaded / event.total : 1);
    request.onload = () => (request.status < 300 ? resolve(JSON.parse(request.responseText)) : reject(refusal(request.status, request.responseText)));
    request.onerror = () => reject(refusal(0, ""));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.open("PUT", `/api${path}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(file);
  });
  return Object.assign(sent, { abort: () => request.abort() });
}

/** "?a=1&b=2" of those that are neither empty nor null. */
export function query(fields) {
  const kept = Object.entries(fields).filter(([, value]) => value !== "" && value != null);
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}

/** A key under which a request that is sent twice counts once. */
export function onceKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
