/** The kinds of engine failures that can be told from the engine's messages. */
export type DockerFault =
  /** The engine's disk is full: an operator has to act. */
  | 'disk-full'
  /** The engine, its machine or the network has a problem, which may be over at the next attempt. */
  | 'engine-trouble'
  | 'registry-refuses'
  | 'not-in-registry'
  /** The image can never be used here: it is not an image, is for another system, or is damaged. */
  | 'unusable-image'
  /** A mount that the payload asks for is not possible. */
  | 'mount'
  /** The image's WORKDIR can't be a directory. */
  | 'working-directory'
  /** The image's USER does not exist in it. */
  | 'user'
  /** Any other reason why a process can't start in a container. */
  | 'command';

type Rule = readonly [words: RegExp, fault: DockerFault];

// The patterns match messages of Docker 20.10 to 28 with graph drivers, of its containerd image store, and of Podman.
// In each list the first matching rule decides. Images and registries choose part of the text, so every pattern must
// run in linear time.

const DISK_FULL: Rule = [/no space left on device|disk quota exceeded|quota exceeded/i, 'disk-full'];

const TROUBLE: Rule = [
  /resource temporarily unavailable|connection (?:refused|reset)|ttrpc|input\/output error|too many open files|cannot allocate memory|cannot reach|timed? ?out|nothing was heard|did not finish within|EPIPE|ECONN|socket hang up|aborted|context canceled/i,
  'engine-trouble',
];

// In a mount below /sys the payload asked for it; anywhere else a disk has failed.
const READ_ONLY: Rule = [/read-only file system/i, 'engine-trouble'];

const DAMAGED: readonly Rule[] = [
  [/failed to (?:register|extract) layer|apply ?layer|processing tar file|wrong diff id/i, 'unusable-image'],
  [/layers from manifest don't match|mismatched image rootfs|does not match config's DiffID/i, 'unusable-image'],
  [/invalid rootfs in image configuration|invalid tar header|max depth exceeded/i, 'unusable-image'],
  // The engine's whole message is this when it could not read a configuration. The answer of a proxy or a token service
  // has text around it, or is a web page.
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
  // Registries have many kinds of problems, and few refusals: an error that matches no rule is retried.
  pull: [DISK_FULL, ...REGISTRY, TROUBLE, READ_ONLY, FOREIGN, ...DAMAGED],
  load: [DISK_FULL, TROUBLE, READ_ONLY, FOREIGN, ...DAMAGED],
  start: [
    DISK_FULL,
    TROUBLE,
    MOUNT,
    [/unable to find (?:user|group) /i, 'user'],
    // When a runtime cannot start a program, its message matches the rule for directories too.
    [/(?:exec|starting container process): "/i, 'command'],
    WORKING_DIRECTORY,
    READ_ONLY,
    ...DAMAGED,
    FOREIGN,
    [/OCI runtime|runc|crun|shim/i, 'command'],
  ],
} as const satisfies Readonly<Record<string, readonly Rule[]>>;

/** Returns what the engine's message means for this kind of call; undefined if no rule matches. */
export function faultIn(message: string, asked: keyof typeof RULES): DockerFault | undefined {
  const words = withoutNames(message);
  return RULES[asked].find(([pattern]) => pattern.test(words))?.[1];
}

// Problems between the registry and the disk; a registry never reports these about itself.
const OF_THE_MACHINE =
  /no space left on device|quota exceeded|resource temporarily unavailable|ttrpc|input\/output error|too many open files|cannot allocate memory|read-only file system/i;
// Services on the engine's own machine (containerd's socket, its proxy, the name server), in the wording of Go and
// gRPC. Matched with quoted parts, because they are quoted in other errors.
const BESIDE_THE_ENGINE =
  /\bdial unix |\bproxyconnect tcp|\blookup [^ ]{1,255} on [^ ]{1,80}: (?:dial|read|write) udp [^ ]{1,120}: [a-z: ]{0,30}(?:connection refused|network is unreachable)/i;
// A registry's own answer, whose text its operator chooses: an error with its code, an unexpected answer, a status.
const FROM_REGISTRY =
  /(?:^|: )(?:unknown|unsupported|unavailable|unauthorized|denied|toomanyrequests|[a-z]{1,20} (?:unknown|invalid|unverified|unsupported)): |error parsing HTTP|unexpected (?:HTTP )?status|Server message/i;

/** Returns whether a pull failed because of the engine's machine, rather than of the registry or the way to it. */
export function isMachineTrouble(message: string): boolean {
  const isTheMachines = OF_THE_MACHINE.test(withoutNames(message)) || BESIDE_THE_ENGINE.test(message);
  return isTheMachines && !FROM_REGISTRY.test(message);
}

/** Removes programs, paths and addresses, which authors name: a program called `wait-for-timeout` is not a timeout. */
function withoutNames(message: string): string {
  return message.replace(/"[^"]*"/g, '""').replace(/(^|\W)\/[^\s:"']+/g, '$1/');
}
