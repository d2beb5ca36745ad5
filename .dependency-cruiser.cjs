// The folders of src/ in ranks; imports go downwards only (docs/architecture.md). Run by `npm run boundaries`.
const ranks = [
  ['util', 'kernels'],
  ['consent', 'whatsapp', 'exports', 'tokenizer', 'dataset', 'model', 'checkpoint'],
  ['store', 'train', 'reply', 'setup'],
  ['nightly'],
  ['bot', 'review', 'ops'],
];
const sameRankAllowed = { kernels: ['util'], store: ['consent'], dataset: ['tokenizer'] };
const folder = (names) => `^src/(${names.join('|')})/`;

const downwardsOnly = ranks.flatMap((rank, level) =>
  rank.map((name) => ({
    name: `rank-${name}`,
    comment: `src/${name}/ may import only what lies below it, and itself`,
    severity: 'error',
    from: { path: `^src/${name}/` },
    to: {
      path: folder(
        ranks
          .slice(level)
          .flat()
          .filter((other) => other !== name && !(sameRankAllowed[name] ?? []).includes(other)),
      ),
    },
  })),
);

/** A package that only some folders may touch. */
const onlyIn = (name, pattern, allowed) => ({
  name: `only-in-${name}`,
  comment: `${name} is reached through ${allowed.join(', ')} only`,
  severity: 'error',
  from: { path: '^(src|scripts)/', pathNot: folder(allowed) },
  to: { path: pattern },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^(src|scripts)/' },
      to: { couldNotResolve: true, pathNot: '^(webgpu|@tensorflow/tfjs-node-gpu)$' },
    },
    { name: 'types-import-nothing', severity: 'error', from: { path: '^src/types\\.ts$' }, to: { path: '.' } },
    {
      name: 'config-only-from-scripts',
      severity: 'error',
      from: { path: '^src/(?!config\\.ts)' },
      to: { path: '^src/config\\.ts$' },
    },
    {
      name: 'src-not-from-scripts',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(scripts|test|bench)/' },
    },
    ...downwardsOnly,
    onlyIn('whatsapp-web.js', 'node_modules/(whatsapp-web\\.js|puppeteer|@puppeteer)', ['whatsapp']),
    onlyIn('better-sqlite3', 'node_modules/better-sqlite3', ['store']),
    onlyIn('tensorflow', 'node_modules/@tensorflow', ['model', 'train']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/kernels/assembly/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
