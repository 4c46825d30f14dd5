/** The command line that does what a form asks for. */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function option(name, value) {
  if (value === true) return `--${name}`;
  if (value === false) return `--no-${name}`;
  const values = Array.isArray(value) ? value : [value];
  return values.map((one) => `--${name} ${quoted(String(one))}`).join(" ");
}

/** The files of an uploaded scene stand in it by the names under which they came. */
function sceneOptions({ source, id, name, files, options }) {
  if (source !== "upload") return [option("dataset", source === "registry" ? id : name)];
  return [option("dataset", files.cube.filename), ...(files.labels ? [option("labels", files.labels.filename)] : []),
    ...Object.entries(options ?? {}).map(([field, value]) => option(field, Array.isArray(value) ? value.join(",") : value))];
}

export function command(scene, changed) {
  const parts = [...sceneOptions(scene), ...changed.map(({ setting, value }) => option(setting.field, value))];
  return ["hsiauto search", ...parts].join(" \\\n  ");
}

/** {"split-seed": 3} of what was changed. */
export function config(changed) {
  return Object.fromEntries(changed.map(({ setting, value }) => [setting.field, value]));
}
