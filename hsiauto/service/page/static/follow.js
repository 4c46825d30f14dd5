/** The journal of a run, line by line as it grows. */

/** heard(event) hears each line after line `after`, done(run) the end, told(sentence) how the connection is. */
export function follow(id, after, { heard, done, told }) {
  let last = after;
  let source = null;

  function open() {
    source = new EventSource(`/api/runs/${id}/events?after=${last}`);
    source.onopen = () => told("live");
    source.onerror = () => {
      told("connection lost: trying again");
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000); // refused: the browser tries no more
    };
    source.addEventListener("journal", (message) => {
      last = Math.max(last, Number(message.lastEventId) || 0);
      heard(JSON.parse(message.data));
    });
    source.addEventListener("state", (message) => {
      source.close();
      told("");
      done(JSON.parse(message.data));
    });
  }
  open();
}
