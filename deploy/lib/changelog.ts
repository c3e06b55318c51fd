/** Returns a version's section of CHANGELOG.md without its heading; undefined when there is no such section. */
export function notesOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m);
  const section = sections.find((each) => each.startsWith(`[${version}]`));
  const notes = section?.slice(section.indexOf('\n') + 1).trim();
  return notes === '' ? undefined : notes;
}
