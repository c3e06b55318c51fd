import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { errorOf } from '../api/call.js';
import type { Artifact } from '../api/types.js';
import { bytesInWords } from '../format/quantities.js';
import { visible } from '../format/visible-text.js';
import { useLoaded } from '../live/use-loaded.js';
import { bytesPath } from '../routes.js';
import { Failure } from './basics.js';

/** Formats that can't run anything. SVG can, and is shown as text. */
const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp'];
const TEXT = /^(?:text\/|application\/(?:json|xml|yaml|x-yaml|toml|javascript|x-sh)\b)|\+(?:json|xml)\b/;
const MOST_TEXT_BYTES = 256 * 1024;
const MOST_IMAGE_BYTES = 32 * 1024 * 1024;

type PreviewKind = 'text' | 'image' | 'report';

interface PreviewProps {
  readonly taskId: string;
  readonly runId: number;
  readonly artifact: Artifact;
}

/** Returns how an artifact can be shown; undefined when it can't. */
export function previewKind({ contentType, storageType, name }: Artifact): PreviewKind | undefined {
  if (storageType === 'error' || storageType === 'reference') return undefined;
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (IMAGES.includes(type)) return 'image';
  // Only what everybody may read has an address that a frame can have.
  if (type === 'text/html' && name.startsWith('public/')) return 'report';
  return TEXT.test(type) ? 'text' : undefined;
}

/** Shows an artifact without letting it run anything. */
export function ArtifactPreview({ taskId, runId, artifact }: PreviewProps): JSX.Element {
  const path = bytesPath(taskId, runId, artifact.name);
  return (
    <figure class="preview">
      <figcaption>{visible(artifact.name)}</figcaption>
      {previewOf(artifact, path, `/api/queue/v1/task/${taskId}/runs/${runId}/artifacts/`)}
    </figure>
  );
}

function previewOf(artifact: Artifact, path: string, artifacts: string): JSX.Element | null {
  switch (previewKind(artifact)) {
    case 'text':
      return <TextPreview path={path} isJson={/json/i.test(artifact.contentType)} />;
    case 'image':
      return <ImagePreview path={path} type={artifact.contentType} />;
    case 'report':
      return (
        <iframe
          title={visible(artifact.name)}
          sandbox=""
          referrerpolicy="no-referrer"
          src={artifacts + encodeURIComponent(artifact.name)}
        />
      );
    case undefined:
      return null;
  }
}

function TextPreview({ path, isJson }: { readonly path: string; readonly isJson: boolean }): JSX.Element {
  const { value, error } = useLoaded((signal) => firstBytes(path, MOST_TEXT_BYTES, signal), [path]);
  const text = value && new TextDecoder().decode(value.bytes);
  return (
    <>
      <Failure of={error} />
      {text !== undefined && (
        <pre class="code" tabIndex={0}>
          {visible(isJson && !value?.isCut ? indented(text) : text)}
        </pre>
      )}
      {value?.isCut && <p>These are the first {bytesInWords(MOST_TEXT_BYTES)}; download it to see the rest.</p>}
    </>
  );
}

function ImagePreview({ path, type }: { readonly path: string; readonly type: string }): JSX.Element {
  const { value, error } = useLoaded((signal) => firstBytes(path, MOST_IMAGE_BYTES, signal), [path]);
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (!value || value.isCut) return undefined;
    const made = URL.createObjectURL(new Blob([value.bytes], { type }));
    setAddress(made);
    return () => {
      URL.revokeObjectURL(made);
    };
  }, [value, type]);
  return (
    <>
      <Failure of={error} />
      {value?.isCut && <p>It is larger than {bytesInWords(MOST_IMAGE_BYTES)}: download it to see it.</p>}
      {address !== undefined && <img src={address} alt="The artifact" />}
    </>
  );
}

/** Returns the beginning of the content, and whether there is more. */
async function firstBytes(
  path: string,
  most: number,
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly isCut: boolean }> {
  const response = await fetch(path, { signal });
  if (!response.ok) throw await errorOf(response);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader && size <= most) {
    const { value, done } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
  }
  await reader?.cancel();
  const bytes = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
  return { bytes: bytes.slice(0, most), isCut: size > most };
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
