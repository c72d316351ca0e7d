// What an environment could make of an executable, taken out of the copy of the runtime that it is made of.

/**
 * `file` without the names in `names`: where `isOne` says that one is read by the runtime, its first letter becomes NUL, which no
 * name in an environment can have. Those that begin with one of them go with it. Throws if one is not there: it has another
 * name now, or none.
 */
export function withoutNames(file, names, isOne) {
  for (const name of names) {
    let found = 0;
    for (let at = file.indexOf(name); at >= 0; at = file.indexOf(name, at + 1)) {
      if (!isOne(file, at, name.length)) continue;
      file[at] = 0;
      found += 1;
    }
    if (found === 0) throw new Error(`the runtime has no ${name} any more: the build takes it out`);
  }
  return file;
}
