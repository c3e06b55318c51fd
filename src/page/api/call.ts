/** The error for a call that was refused; its message is the service's own. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** Calls this server as the user of the page; the path begins with a slash. Rejects with a CallError. */
export async function call<Answer>(path: string, { method = 'GET', body, signal }: CallOptions = {}): Promise<Answer> {
  const response = await fetch(path, {
    method,
    headers: { 'x-taskcluster-page': '1', ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  if (!response.ok) throw await errorOf(response);
  if (response.status === 204) return undefined as Answer;
  return (await response.json()) as Answer;
}

/** Returns the error that a response of one of the services stands for. */
export async function errorOf(response: Response): Promise<CallError> {
  const text = await response.text();
  try {
    const { code, message } = JSON.parse(text) as { readonly code: string; readonly message: string };
    // Behind the line are details for those who have no page to look at.
    return new CallError(response.status, code, message.split('\n\n---\n')[0] ?? message);
  } catch {
    return new CallError(response.status, 'Unknown', `The server answers with the status ${response.status}.`);
  }
}

/** Reads all pages of a list. */
export async function listAll<Item>(path: string, key: string, signal?: AbortSignal): Promise<readonly Item[]> {
  const items: Item[] = [];
  let token: string | undefined;
  do {
    const query = token === undefined ? '' : `?continuationToken=${encodeURIComponent(token)}`;
    type Page = Readonly<Record<string, unknown>> & { readonly continuationToken?: string };
    const page: Page = await call<Page>(path + query, { signal });
    items.push(...(page[key] as readonly Item[]));
    token = page.continuationToken;
  } while (token !== undefined);
  return items;
}
