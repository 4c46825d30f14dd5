/** The journal of a run and its refits, line by line as they grow. */

/** heard(event) hears each line that comes after `after`, lines of the journal or the id of an event, done(run) the end, told(sentence) how the connection is. */
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
    for (const file of ["journal", "refits"]) {
      source.addEventListener(file, (message) => {
        last = message.lastEventId;
        heard(JSON.parse(message.data));
      });
    }
    source.addEventListener("state", (message) => {
      source.close();
      told("");
      done(JSON.parse(message.data));
    });
  }
  open();
}
