import type { ImageInfo, Labelled, Labels } from './engine.js';

// The engine's answers, as far as they are used, and what the client reads from them.

export interface Info {
  readonly ID: string;
  readonly DockerRootDir?: string;
  readonly ServerVersion: string;
  readonly Driver: string;
  /** Absent: no. */
  readonly LiveRestoreEnabled?: boolean;
}
interface InspectedImage {
  readonly Id: string;
  /** Some images have no config. */
  readonly Config?: { readonly Entrypoint?: string | string[] | null; readonly Cmd?: string[] | null } | null;
}
export interface InspectedContainer {
  readonly Id: string;
  readonly Image: string;
  readonly Config: { readonly Cmd: string[] | null; readonly Labels?: Labels | null };
  readonly HostConfig?: { readonly Memory?: number };
  readonly State: InspectedState;
}
interface InspectedState {
  readonly Status: string;
  /** In the year 1 if it was never started. */
  readonly StartedAt?: string;
  readonly FinishedAt: string;
  readonly OOMKilled: boolean;
}
export interface InspectedExec {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly Pid: number;
}
export interface InspectedNetwork {
  readonly Containers?: object | null;
  readonly EnableIPv6?: boolean;
  readonly IPAM?: ListedIpam | null;
}
interface ListedNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly IPAM?: ListedIpam | null;
}
interface ListedIpam {
  readonly Config?: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null;
}
/** A network with its IPv4 and IPv6 subnets. */
export interface NetworkSubnets {
  readonly id: string;
  readonly name: string;
  readonly subnets: readonly { readonly cidr: string; readonly gateway: string | undefined }[];
}
/** Containers and networks have an id, volumes a name. */
interface Listed {
  readonly Id?: string;
  readonly Name?: string;
  readonly Labels?: Labels | null;
}

export function imageInfo(answer: unknown): ImageInfo {
  const { Id, Config } = answer as InspectedImage;
  return { id: Id, entrypoint: words(Config?.Entrypoint), command: words(Config?.Cmd) };
}

/** An unreadable answer must not look like a container that belongs to someone else. */
export function inspectedContainer(answer: unknown): InspectedContainer {
  const { Id, Config, State } = answer as Partial<InspectedContainer>;
  if (Id === undefined || Config === undefined || State === undefined) throw new TypeError('the answer is incomplete');
  return answer as InspectedContainer;
}

export function idOf(answer: unknown): string {
  return (answer as { readonly Id: string }).Id;
}

export function labelled(list: unknown): readonly Labelled[] {
  return (list as readonly Listed[]).map(({ Id, Name = '', Labels }) => ({ id: Id ?? Name, labels: Labels ?? {} }));
}

export function labelledVolumes(answer: unknown): readonly Labelled[] {
  // The engine leaves the list out when it is empty.
  return labelled((answer as { readonly Volumes?: unknown }).Volumes ?? []);
}

export function networkSubnets(list: unknown): readonly NetworkSubnets[] {
  return (list as readonly ListedNetwork[]).map(({ Id, Name, IPAM }) => ({
    id: Id,
    name: Name,
    subnets: (IPAM?.Config ?? []).map(({ Subnet = '', Gateway }) => ({ cidr: Subnet, gateway: Gateway })),
  }));
}

function words(value: string | string[] | null | undefined): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value : [];
}
