/** Puts a text into the clipboard; returns false if the browser refuses. Must be called by what a user does. */
export async function copyText(text: string): Promise<boolean> {
  // Absent on pages that came over plain HTTP from another machine.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) {
    return await clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way on such pages
  const isCopied = document.execCommand('copy');
  area.remove();
  return isCopied;
}
