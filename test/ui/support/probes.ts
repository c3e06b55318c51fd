/** What a probe would set if anything of it ran. */
export const MARK = '__probed';

const RUN = `window.${MARK}=1`;

/** Text that would run a script, or ask another server, if it were taken for anything but text. */
export const PROBES: readonly string[] = [
  `<script>${RUN}</script>`,
  `"><img src=x onerror="${RUN}">`,
  `'><svg onload='${RUN}'>`,
  `--></style></title></textarea></script><script>${RUN}</script>`,
  `<iframe srcdoc="<script>parent.${MARK}=1</script>"></iframe>`,
  `<a href="javascript:${RUN}" autofocus onfocus="${RUN}">click</a>`,
  `javascript:${RUN}//`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${RUN}&gt;">`,
  `<base href="//evil.example/"><link rel=stylesheet href="//evil.example/x.css">`,
  `<meta http-equiv="refresh" content="0;url=http://evil.example/">`,
  `<form action="//evil.example"><button formaction="javascript:${RUN}">x</button></form>`,
  `{{constructor.constructor('${RUN}')()}}\${${RUN}}`,
  `\u202egnp.exe\u2066\u200b`,
  `__proto__`,
  `%3Cscript%3E${encodeURIComponent(RUN)}%3C/script%3E`,
];

/** Documents that run scripts when a browser opens them. */
export const DOCUMENTS: Readonly<Record<string, string>> = {
  'public/probe.html': `<!doctype html><script>top.${MARK}=1;parent.${MARK}=1;${RUN}</script><img src=x onerror="top.${MARK}=1">`,
  'public/probe.svg': `<svg xmlns="http://www.w3.org/2000/svg" onload="top.${MARK}=1;${RUN}"><script>${RUN}</script></svg>`,
  'public/probe.json': JSON.stringify({ [`<img src=x onerror=${RUN}>`]: PROBES, __proto__: PROBES[0] }),
  'public/probe.txt': PROBES.join('\n'),
};
