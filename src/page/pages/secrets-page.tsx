import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, listAll } from '../api/call.js';
import { toYaml } from '../editor/yaml.js';
import { visible } from '../format/visible-text.js';
import { useLoaded } from '../live/use-loaded.js';
import { Age, Failure, Nothing, Text, Title } from '../parts/basics.js';
import { ConfirmButton } from '../parts/confirm-button.js';

const SECRETS = '/api/secrets/v1';

interface Secret {
  readonly secret: unknown;
  readonly expires: string;
}

/** The secrets. Their values are not even read until they are asked for. */
export function SecretsPage(): JSX.Element {
  const {
    value: names,
    error,
    reload,
  } = useLoaded((signal) => listAll<string>(`${SECRETS}/secrets`, 'secrets', signal), []);
  return (
    <>
      <Title of="Secrets" />
      <Failure of={error} />
      {names?.length === 0 && <Nothing>There are no secrets.</Nothing>}
      <ul class="secrets">
        {names?.map((name) => (
          <SecretRow key={name} name={name} onRemoved={reload} />
        ))}
      </ul>
    </>
  );
}

function SecretRow({ name, onRemoved }: { readonly name: string; readonly onRemoved: () => void }): JSX.Element {
  const [isShown, setShown] = useState(false);
  const [error, setError] = useState<Error>();
  const path = `${SECRETS}/secret/${encodeURIComponent(name)}`;
  const remove = async (): Promise<void> => {
    await call(path, { method: 'DELETE' });
    onRemoved();
  };
  return (
    <li>
      <Text of={name} />
      <span class="tools">
        <button
          type="button"
          data-row
          aria-expanded={isShown}
          aria-label={`${isShown ? 'Hide' : 'Show'} the value of ${visible(name)}`}
          onClick={() => {
            setShown(!isShown);
          }}
        >
          {isShown ? 'Hide' : 'Show'}
        </button>
        <ConfirmButton label="Remove" run={remove} onError={setError} />
      </span>
      <Failure of={error} />
      {isShown && <Value path={path} />}
    </li>
  );
}

function Value({ path }: { readonly path: string }): JSX.Element {
  const { value, error } = useLoaded((signal) => call<Secret>(path, { signal }), [path]);
  return (
    <>
      <Failure of={error} />
      {value && (
        <>
          <pre class="code" tabIndex={0}>
            {visible(toYaml(value.secret))}
          </pre>
          <p>
            Expires <Age of={value.expires} />
          </p>
        </>
      )}
    </>
  );
}
