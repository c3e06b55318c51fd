import { arch } from 'node:os';
import { ArchiveError, TOO_MANY_IMAGES } from './archive-error.js';
import type { OciImage } from './oci-layout.js';

/** Keys are node's names, where they differ. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** The platform of this machine's containers, as images name it. */
export const PLATFORM = `linux/${ARCHITECTURES[arch()] ?? arch()}`;

/** Returns the only image, or the one for this machine of an image for several platforms; undefined if none exists. */
export function imageForPlatform(images: readonly OciImage[], platform = PLATFORM): OciImage | undefined {
  if (images.length <= 1) return images[0];
  const fitting = images.filter((image) => image.platform === platform);
  if (fitting.length === 1) return fitting[0];
  const platforms = new Set(images.map((image) => image.platform));
  if (fitting.length > 1 || platforms.has(undefined) || platforms.size < images.length) {
    throw new ArchiveError(TOO_MANY_IMAGES);
  }
  const others = [...platforms].slice(0, 10).join(', ');
  throw new ArchiveError(`it has an image for each of ${others}, and none for this machine, which is ${platform}`);
}
