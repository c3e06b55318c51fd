/** What is wrong with an image archive, as a message for its creator. The same archive will fail again. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

export const TOO_MANY_IMAGES = 'Image tarballs must only contain one image';
