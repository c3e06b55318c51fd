/** What CHANGELOG.md says about a version, without its heading; undefined when it has no section for it. */
export function notesOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m);
  const section = sections.find((each) => each.startsWith(`[${version}]`));
  const notes = section?.slice(section.indexOf('\n') + 1).trim();
  return notes === '' ? undefined : notes;
}
