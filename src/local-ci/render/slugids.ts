/** Returns the function `as_slugid` of templates: the same new task id for the same label. */
export function slugids(newTaskId: () => string): (label: unknown) => string {
  const ids = new Map<string, string>();
  return (label) => {
    const key = String(label);
    const id = ids.get(key) ?? newTaskId();
    ids.set(key, id);
    return id;
  };
}
