/** The states of a run. */
export const STATES = ["queued", "running", "stopping", "succeeded", "stopped", "failed", "lost"];
const ON = new Set(["queued", "running", "stopping", "lost"]); // what is lost waits to be taken up again

export function goesOn(run) {
  return ON.has(run.state);
}
