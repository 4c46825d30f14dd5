/** Trials of a run that goes on: those of its report, and what each event of the journal adds. As `search/trials.py` folds it. */

const FINAL = new Set(["completed", "stopped", "failed", "refused"]);

export class Trials {
  constructor({ trials, objective }) {
    this.rows = trials;
    this.objective = objective;
    this.byId = new Map(trials.map((trial) => [trial.id, trial]));
    let before = 0;
    for (const trial of trials) {
      trial.seconds = trial.spent - before;
      before = trial.spent;
    }
  }

  /** A line of journal.jsonl. Returns whether it says something of a trial. */
  add(event) {
    if (event.event === "proposed") return this.propose(event);
    const trial = this.byId.get(event.trial_id);
    if (!trial || event.attempt < (trial.attempt ?? 0)) return false;
    if (event.event === "started") Object.assign(trial, { state: "running", attempt: event.attempt });
    else if (event.event === "report") this.report(trial, event);
    else if (event.event === "ended" && !FINAL.has(trial.state)) trial.state = event.state;
    else return false;
    return true;
  }

  propose({ trial_id: id, family }) {
    const trial = { id, family, state: "proposed", epochs: [], scores: [], seconds: 0, spent: 0 };
    this.byId.set(id, trial);
    this.rows.push(trial);
    return true;
  }

  report(trial, event) {
    trial.seconds = event.fit_seconds;
    const again = trial.epochs.findIndex((epoch) => epoch >= event.epoch);
    if (again >= 0) trial.epochs.length = trial.scores.length = again;
    const score = event[`val_${this.objective}`];
    if (typeof score !== "number") return; // "NaN"
    trial.epochs.push(event.epoch);
    trial.scores.push(100 * score);
  }

  /** The rows, with the seconds that all trials up to each took. */
  spent() {
    let sum = 0;
    for (const trial of this.rows) {
      sum += trial.seconds;
      trial.spent = sum;
    }
    return this.rows;
  }
}
