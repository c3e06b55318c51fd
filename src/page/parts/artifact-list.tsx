import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { referenceOf } from '../api/queue.js';
import type { Artifact } from '../api/types.js';
import { bytesInWords } from '../format/quantities.js';
import { bytesPath } from '../routes.js';
import { ArtifactPreview, previewKind } from './artifact-preview.js';
import { Failure, Text } from './basics.js';
import { ActionButton } from './confirm-button.js';

interface ListProps {
  readonly taskId: string;
  readonly runId: number;
  readonly artifacts: readonly Artifact[];
}

/** The artifacts of a run, with previews below what can be previewed. */
export function ArtifactList({ taskId, runId, artifacts }: ListProps): JSX.Element | null {
  const [shown, setShown] = useState<string>();
  const [error, setError] = useState<Error>();
  if (artifacts.length === 0) return null;
  const preview = artifacts.find(({ name }) => name === shown);
  return (
    <>
      <Failure of={error} />
      <div class="scroll-x" role="region" aria-label="Artifacts" tabIndex={0}>
        <table>
          <caption>Artifacts</caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Size</th>
              <th scope="col">Type</th>
              <th scope="col">Open</th>
            </tr>
          </thead>
          <tbody>
            {artifacts.map((artifact) => (
              <ArtifactRow
                key={artifact.name}
                {...{ taskId, runId, artifact }}
                isShown={artifact.name === shown}
                onShow={setShown}
                onError={setError}
              />
            ))}
          </tbody>
        </table>
      </div>
      {preview && <ArtifactPreview key={preview.name} {...{ taskId, runId }} artifact={preview} />}
    </>
  );
}

interface RowProps {
  readonly taskId: string;
  readonly runId: number;
  readonly artifact: Artifact;
  readonly isShown: boolean;
  readonly onShow: (name: string | undefined) => void;
  readonly onError: (error: Error | undefined) => void;
}

function ArtifactRow({ taskId, runId, artifact, isShown, onShow, onError }: RowProps): JSX.Element {
  const { name, contentType, contentLength, storageType } = artifact;
  return (
    <tr>
      <td>
        <Text of={name} />
      </td>
      <td>{contentLength === undefined ? '–' : bytesInWords(contentLength)}</td>
      <td>
        <Text of={contentType} />
      </td>
      <td class="actions">
        {previewKind(artifact) !== undefined && (
          <button
            type="button"
            aria-expanded={isShown}
            onClick={() => {
              onShow(isShown ? undefined : name);
            }}
          >
            {isShown ? 'Hide' : 'Preview'}
          </button>
        )}
        {storageType === 'reference' ? (
          <ActionButton label="Open" run={() => openReference(taskId, runId, name)} onError={onError} />
        ) : (
          <a href={bytesPath(taskId, runId, name)} download={fileName(name)} data-row>
            Download
          </a>
        )}
      </td>
    </tr>
  );
}

/** Shells and displays are references to addresses of this page, with secrets in them. */
export async function openReference(taskId: string, runId: number, name: string): Promise<void> {
  const address = await referenceOf(taskId, runId, name);
  if (address === undefined || !/^https?:\/\//i.test(address)) throw new Error('It leads to no web page.');
  open(address, '_blank', 'noopener,noreferrer');
}

function fileName(artifact: string): string {
  return artifact.slice(artifact.lastIndexOf('/') + 1);
}
