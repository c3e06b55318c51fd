/** What a failure of the engine is about, where its words tell. */
export type DockerFault =
  /** The engine's disk has no room left: an operator has to act. */
  | 'disk-full'
  /** The engine, its machine or the network is in trouble, which may be over the next time. */
  | 'engine-trouble'
  | 'registry-refuses'
  | 'not-in-registry'
  /** The image cannot be used here, now or ever: not an image, for another system, or damaged. */
  | 'unusable-image'
  /** Something cannot be mounted where the payload wants it. */
  | 'mount'
  /** The image's WORKDIR cannot be a directory. */
  | 'working-directory'
  /** The image does not know its own USER. */
  | 'user'
  /** Anything else that keeps a process from starting in a container. */
  | 'command';

type Rule = readonly [words: RegExp, fault: DockerFault];

// The words are those of Docker 20.10 to 28 with graph drivers, of its containerd image store, and of Podman. In each list
// the first rule that fits decides. Images and registries choose part of the text: no pattern may take more than linear
// time.

const DISK_FULL: Rule = [/no space left on device|disk quota exceeded|quota exceeded/i, 'disk-full'];

const TROUBLE: Rule = [
  /resource temporarily unavailable|connection (?:refused|reset)|ttrpc|input\/output error|too many open files|cannot allocate memory|cannot reach|timed? ?out|nothing was heard|did not finish within|EPIPE|ECONN|socket hang up|aborted|context canceled/i,
  'engine-trouble',
];

// In a mount below /sys it is the payload's choice; anywhere else it is a disk that has failed.
const READ_ONLY: Rule = [/read-only file system/i, 'engine-trouble'];

const DAMAGED: readonly Rule[] = [
  [/failed to (?:register|extract) layer|apply ?layer|processing tar file|wrong diff id/i, 'unusable-image'],
  [/layers from manifest don't match|mismatched image rootfs|does not match config's DiffID/i, 'unusable-image'],
  [/invalid rootfs in image configuration|invalid tar header|max depth exceeded/i, 'unusable-image'],
  // The engine says this and nothing else of a configuration that it could not read. What a proxy or a token service sends
  // in place of an answer has words around it, or is a web page.
  [/^(?:invalid character '[^<]|unexpected end of JSON input|json: cannot unmarshal)/, 'unusable-image'],
  [/(?:parsing|unmarshal(?:ing)?) (?:the )?image config/i, 'unusable-image'],
];

const FOREIGN: Rule = [
  /unsupported media type|encountered remote "|unsupported (?:image-specific|manifest)|invalid mixed OCI image|no longer supported|Docker Image Format v1|operating system "[^"]{0,100}" cannot be used|operating system is not supported|no image found in (?:manifest list|image index)/i,
  'unusable-image',
];

const REGISTRY: readonly Rule[] = [
  [/unauthorized|(?<!permission )denied|no basic auth credentials|authentication required/i, 'registry-refuses'],
  [
    /not found|manifest unknown|does not exist|name unknown|no matching manifest|no match for platform|invalid reference/i,
    'not-in-registry',
  ],
];

const MOUNT: Rule = [
  /error mounting "|invalid volume specification|invalid mount (?:config|path)|invalid mode: |duplicate mount point/i,
  'mount',
];

const WORKING_DIRECTORY: Rule = [
  /Cannot mkdir: \/[^:]{0,1000} is not a directory|(?:lstat|stat|mkdir|open) \/: (?:not a directory|too many levels of symbolic links|file name too long)|container init: mkdir \/|chdir to cwd|\bworkdir "/i,
  'working-directory',
];

const RULES = {
  // A registry is in trouble in many ways, and refuses in few: what fits no rule is tried again.
  pull: [DISK_FULL, ...REGISTRY, TROUBLE, READ_ONLY, FOREIGN, ...DAMAGED],
  load: [DISK_FULL, TROUBLE, READ_ONLY, FOREIGN, ...DAMAGED],
  start: [
    DISK_FULL,
    TROUBLE,
    MOUNT,
    [/unable to find (?:user|group) /i, 'user'],
    // A runtime that cannot start a program says so in words that fit a directory too.
    [/(?:exec|starting container process): "/i, 'command'],
    WORKING_DIRECTORY,
    READ_ONLY,
    ...DAMAGED,
    FOREIGN,
    [/OCI runtime|runc|crun|shim/i, 'command'],
  ],
} as const satisfies Readonly<Record<string, readonly Rule[]>>;

/** What the engine's words mean when it was asked for this; undefined: they are not known. */
export function faultIn(message: string, asked: keyof typeof RULES): DockerFault | undefined {
  const words = withoutNames(message);
  return RULES[asked].find(([pattern]) => pattern.test(words))?.[1];
}

// Of what is between a registry and the disk: these are never said of a registry by itself.
const OF_THE_MACHINE =
  /no space left on device|quota exceeded|resource temporarily unavailable|ttrpc|input\/output error|too many open files|cannot allocate memory|read-only file system/i;
// Of what the engine uses on its own machine, in Go's and gRPC's words: containerd's socket, its proxy, the name server. With
// what stands in quotes, as errors of others are quoted there.
const BESIDE_THE_ENGINE =
  /\bdial unix |\bproxyconnect tcp|\blookup [^ ]{1,255} on [^ ]{1,80}: (?:dial|read|write) udp [^ ]{1,120}: [a-z: ]{0,30}(?:connection refused|network is unreachable)/i;
// A registry's own words, which whoever runs it chooses: an error by its code, an answer that is none, a status.
const FROM_REGISTRY =
  /(?:^|: )(?:unknown|unsupported|unavailable|unauthorized|denied|toomanyrequests|[a-z]{1,20} (?:unknown|invalid|unverified|unsupported)): |error parsing HTTP|unexpected (?:HTTP )?status|Server message/i;

/**
 * Of a pull that failed: whether the engine's machine is what is in trouble. Anything else is the trouble of the registry,
 * or of the way to it.
 */
export function isMachineTrouble(message: string): boolean {
  const isTheMachines = OF_THE_MACHINE.test(withoutNames(message)) || BESIDE_THE_ENGINE.test(message);
  return isTheMachines && !FROM_REGISTRY.test(message);
}

/** Programs, paths and addresses are named by authors: a program called `wait-for-timeout` means no timeout. */
function withoutNames(message: string): string {
  return message.replace(/"[^"]*"/g, '""').replace(/(^|\W)\/[^\s:"']+/g, '$1/');
}
