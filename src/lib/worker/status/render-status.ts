import { html } from '../../util/html.js';
import type { Html } from '../../util/html.js';
import type { WorkerStatus } from './worker-status.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** Returns the worker's page: whole, without scripts of its own, and with nothing from elsewhere. */
export function renderStatus(status: WorkerStatus): string {
  const { worker } = status;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${worker.workerId} · docker-worker</title>
        <link rel="stylesheet" href="/status.css" />
        <script src="/status.js" defer></script>
      </head>
      <body>
        ${main(status)}
        <footer class="dim">
          <p id="age" role="status">The state of this worker when the page was loaded.</p>
          <p>
            As JSON: <a href="/status.json">/status.json</a> · <a href="/healthz">/healthz</a> · for Prometheus:
            <a href="/metrics">/metrics</a>
          </p>
        </footer>
      </body>
    </html> `.text;
}

/** Returns the page of a worker that is not ready yet. */
export function renderStarting(): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>starting · docker-worker</title>
        <link rel="stylesheet" href="/status.css" />
        <script src="/status.js" defer></script>
      </head>
      <body>
        <main>
          <h1>docker-worker</h1>
          <p class="warn">starting: the worker is not ready yet</p>
        </main>
        <footer class="dim"><p id="age" role="status"></p></footer>
      </body>
    </html> `.text;
}

function main(status: WorkerStatus): Html {
  return html`<main>
    <h1>Worker ${status.worker.workerId}</h1>
    ${summary(status)} ${runs(status)} ${machine(status)} ${problems(status)} ${caches(status)} ${images(status)}
    ${configuration(status)}
  </main>`;
}

const HEALTH_CLASS = { ok: 'good', stopping: 'warn', unhealthy: 'bad' } as const;

function summary({ worker, health, time }: WorkerStatus): Html {
  const { status, problems, warnings, capacity, running, uptimeSeconds, lastClaimWork } = health;
  return html`<dl>
      <dt>Health</dt>
      <dd class="${HEALTH_CLASS[status]}">${status}</dd>
      <dt>Slots</dt>
      <dd>${running} of ${capacity} busy</dd>
      <dt>Pool</dt>
      <dd>${worker.workerPoolId}, group ${worker.workerGroup}</dd>
      <dt>Taskcluster</dt>
      <dd>${link(worker.rootUrl, worker.rootUrl)}</dd>
      <dt>Version</dt>
      <dd>${worker.version}</dd>
      <dt>Up for</dt>
      <dd>${duration(uptimeSeconds)}</dd>
      <dt>Last asked for work</dt>
      <dd>${lastClaimWork === undefined ? 'never' : timeOf(lastClaimWork)}</dd>
      <dt>As of</dt>
      <dd>${timeOf(time)}</dd>
    </dl>
    ${problems.map((problem) => html`<p class="bad">Problem: ${problem}</p>`)}
    ${warnings.map((warning) => html`<p class="warn">Warning: ${warning}</p>`)}`;
}

function runs({ runs: all }: WorkerStatus): Html {
  const rows = all.map(
    ({ taskId, runId, phase, phaseSeconds, seconds, url, logUrl }) =>
      html`<tr>
        <td>${link(url, taskId, `task-${taskId}-${runId}`)}</td>
        <td class="number">${runId}</td>
        <td>${phase}</td>
        <td class="number">${phaseSeconds.toFixed(1)}</td>
        <td class="number">${seconds.toFixed(1)}</td>
        <td>${logUrl === undefined ? 'not open yet' : link(logUrl, 'log', `log-${taskId}-${runId}`)}</td>
      </tr>`,
  );
  const head = html`<tr>
    <th>Task</th>
    <th class="number">Run</th>
    <th>Phase</th>
    <th class="number">Seconds in it</th>
    <th class="number">Seconds in all</th>
    <th>Log</th>
  </tr>`;
  return section('runs', 'Runs', rows.length === 0 ? none('Nothing runs.') : table('Runs', head, rows));
}

function machine({ machine: sample, machineError }: WorkerStatus): Html {
  if (!sample) return section('machine', 'Machine', none(`Not available: ${machineError ?? 'unknown'}`));
  const { diskFreeBytes, diskBytes, diskThresholdBytes, memoryAvailableBytes, memoryBytes, cpuBusy, load1 } = sample;
  const isShort = diskFreeBytes < diskThresholdBytes;
  return section(
    'machine',
    'Machine',
    html`<dl>
<dt>Disk</dt><dd${isShort ? html` class="bad"` : undefined}>${gib(diskFreeBytes)} of ${gib(diskBytes)} free; a free slot needs ${gib(diskThresholdBytes)}</dd>
<dt>Memory</dt><dd>${gib(memoryAvailableBytes)} of ${gib(memoryBytes)} available</dd>
<dt>Processors</dt><dd>${Math.round(cpuBusy * 100)} % busy, load ${load1.toFixed(2)}</dd>
</dl>`,
  );
}

function problems({ problems: kept }: WorkerStatus): Html {
  if (!kept) return html``;
  const rows = kept.map(
    ({ time, level, event, fields }) =>
      html`<tr>
        <td>${timeOf(time)}</td>
        <td class="${level === 'error' ? 'bad' : 'warn'}">${level}</td>
        <td>
          ${event}
          <pre>${Object.keys(fields).length === 0 ? '' : JSON.stringify(fields, null, 1)}</pre>
        </td>
      </tr>`,
  );
  const head = html`<tr>
    <th>Time</th>
    <th>Level</th>
    <th>Event</th>
  </tr>`;
  const title = 'Last warnings and errors';
  return section('problems', title, rows.length === 0 ? none('None since the start.') : table(title, head, rows));
}

function caches({ caches: { total, first } }: WorkerStatus): Html {
  const rows = first.map(
    ({ name, id, isInUse, isPurged, lastUsedAt }) =>
      html`<tr>
        <td>${name}</td>
        <td><code>${id}</code></td>
        <td>${stateOf({ isInUse, isPurged })}</td>
        <td>${timeOf(lastUsedAt)}</td>
      </tr>`,
  );
  const head = html`<tr>
    <th>Name</th>
    <th>Directory</th>
    <th>State</th>
    <th>Last used</th>
  </tr>`;
  return section('caches', 'Caches', list('Caches', { total, head, rows }));
}

function stateOf({ isInUse, isPurged }: { readonly isInUse: boolean; readonly isPurged: boolean }): string {
  if (isPurged) return isInUse ? 'in use, purged after that' : 'purged';
  return isInUse ? 'in use' : 'free';
}

function images({ images: { total, first } }: WorkerStatus): Html {
  const rows = first.map(
    ({ localName, imageId, isInUse, wasFetched, lastUsedAt }) =>
      html`<tr>
        <td>${localName}</td>
        <td><code>${imageId.replace('sha256:', '').slice(0, 12)}</code></td>
        <td>${isInUse ? 'in use' : 'free'}</td>
        <td>${wasFetched ? 'fetched by the worker' : 'was here before'}</td>
        <td>${timeOf(lastUsedAt)}</td>
      </tr>`,
  );
  const head = html`<tr>
    <th>Name</th>
    <th>Id</th>
    <th>State</th>
    <th>Origin</th>
    <th>Last used</th>
  </tr>`;
  return section('images', 'Images', list('Images', { total, head, rows }));
}

function configuration({ configuration: text }: WorkerStatus): Html {
  if (text === undefined) return html``;
  const content = html`<details id="configuration-text">
    <summary id="configuration-summary">Show</summary>
    <pre>${text}</pre>
  </details>`;
  return section('configuration', 'Configuration', content);
}

function section(id: string, title: string, content: Html): Html {
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${content}
  </section>`;
}

interface List {
  readonly total: number;
  readonly head: Html;
  readonly rows: readonly Html[];
}

function list(label: string, { total, head, rows }: List): Html {
  if (total === 0) return none('None.');
  const more = total > rows.length ? none(`The ${rows.length} used last, of ${total}.`) : html``;
  return html`${more}${table(label, head, rows)}`;
}

/** With a tab stop, so that a keyboard can scroll it where it is wider than the window. */
function table(label: string, head: Html, rows: readonly Html[]): Html {
  const id = `table-${label.toLowerCase().replaceAll(' ', '-')}`;
  return html`<div class="wide" id="${id}" tabindex="0" role="group" aria-label="${label}">
    <table>
      <thead>
        ${head}
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function none(text: string): Html {
  return html`<p class="dim">${text}</p>`;
}

/** Links to http(s) only: other schemes can run scripts. */
function link(url: string, text: string, id?: string): Html {
  if (!/^https?:\/\//.test(url)) return html`${text}`;
  return html`<a href="${url}" ${id === undefined ? undefined : html` id="${id}"`} rel="noreferrer">${text}</a>`;
}

function timeOf(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
