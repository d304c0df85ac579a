// SPDX-License-Identifier: Apache-2.0
// Our byte-pair encodings beside js-tiktoken's: the same tokens for made-up Unicode, for every text in the
// recorded traffic (where that is beside the checkout), and for the golden counts of the unit tests.
// tests/unit/token/tokenize.c is what is asked; it also holds that counting and encoding agree.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const SHARED = process.env.WEIR_SHARED ?? path.join(ROOT, '../shared');
const ENCODINGS = ['o200k_base', 'cl100k_base'];

// js-tiktoken merges in quadratic time: longer pieces are the unit tests' matter.
const PIECE_MAX = 1500;

// ---- what is needed: our tool, and the package

const tool = [
  process.env.WEIR_BIN && path.dirname(process.env.WEIR_BIN),
  path.join(ROOT, 'build/release'),
  path.join(ROOT, 'build/asan'),
]
  .filter(Boolean)
  .map((dir) => path.join(dir, 'tests/unit/token/tokenize'))
  .find((file) => fs.existsSync(file));

function rankPackage() {
  try {
    return execFileSync(path.join(ROOT, 'script/token-ranks'), ['--package'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  } catch {
    return null;
  }
}
const folder = rankPackage();
const skip = !tool
  ? 'tests/unit/token/tokenize is not built'
  : !folder && 'the npm package with the token ranks cannot be installed';

function theirs(name) {
  const need = createRequire(path.join(folder, 'package.json'));
  const { Tiktoken } = need('./dist/lite.cjs');
  const ranks = need(`./dist/ranks/${name}.cjs`);
  const encoding = new Tiktoken(ranks.default ?? ranks);
  return (text) => encoding.encode(text, [], []);
}

function ours(name, texts) {
  const parts = [];
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes.length);
    parts.push(head, bytes);
  }
  const run = spawnSync(tool, [path.join(ROOT, `build/tokens/${name}.bpe`)], {
    input: Buffer.concat(parts),
    maxBuffer: 2 ** 30,
  });
  assert.equal(run.status, 0, run.stderr.toString());
  return run.stdout.toString().split('\n');
}

function compare(name, texts) {
  const encode = theirs(name);
  const got = ours(name, texts);
  texts.forEach((text, i) => {
    const want = encode(text).join(' ');
    assert.equal(got[i], want, `${name}: ${JSON.stringify(text).slice(0, 400)}`);
  });
}

// ---- made-up Unicode: stretches of one kind of character, mixed with another

function random(seed) {
  let s = seed;
  return (n) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return ((s ^ (s >>> 15)) >>> 0) % n;
  };
}

function anyCodePoint(rnd) {
  const code = rnd(0x110000 - 0x800);
  return code < 0xd800 ? code : code + 0x800;
}

const ODD = [0xaa, 0xba, 0x2b0, 0x1c5, 0x200b, 0xfeff, 0x85, 0xa0, 0x2028, 0x17f, 0x212a, 0xe0100];
const KINDS = [
  (r) => 97 + r(26),
  (r) => 65 + r(26),
  (r) => 48 + r(10),
  () => 32,
  (r) => '\n\r\t \'/'.charCodeAt(r(6)),
  (r) => 33 + r(15),
  (r) => "'sStTrReEvVlLmMdD".charCodeAt(r(17)),
  (r) => 0xc0 + r(0x250),
  (r) => 0x300 + r(0x70),
  (r) => 0x370 + r(0x500),
  (r) => 0x900 + r(0x700),
  (r) => 0x1e00 + r(0x300),
  (r) => 0x2000 + r(0x70),
  (r) => 0x3040 + r(0x200),
  (r) => 0x4e00 + r(0x5000),
  (r) => 0xac00 + r(0x2000),
  (r) => 0x1f300 + r(0x400),
  (r) => 0xff00 + r(0x100),
  (r) => ODD[r(ODD.length)],
  anyCodePoint,
];

function madeUp(count, seed) {
  const rnd = random(seed);
  const texts = [];
  for (let i = 0; i < count; i++) {
    let text = '';
    let one = rnd(KINDS.length);
    let other = rnd(KINDS.length);
    for (let left = 1 + rnd(60); left > 0; left--) {
      if (rnd(8) === 0) one = rnd(KINDS.length);
      if (rnd(8) === 0) other = rnd(KINDS.length);
      text += String.fromCodePoint(KINDS[rnd(2) ? one : other](rnd));
    }
    texts.push(text);
  }
  for (const unit of ['a', 'ab', '=', ' ', '\n', '\t ', 'é', '中', 'aB', 'Aª', '\u0301', "'s", '😀'])
    for (const n of [1, 2, 3, 13, 14, 47, 48, 49, 127, 128, 129, 300])
      texts.push(unit.repeat(n));
  return texts;
}

// ---- recorded traffic: every string of every body

function* strings(value) {
  if (typeof value === 'string') yield value;
  else if (value && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) {
      yield key;
      yield* strings(inner);
    }
  }
}

function recorded() {
  const texts = new Set();
  const walk = (dir) => {
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
      const file = path.join(dir, entry.name);
      if (entry.isDirectory()) walk(file);
      else if (entry.name.endsWith('.json'))
        for (const text of strings(JSON.parse(fs.readFileSync(file, 'utf8'))))
          if (text.isWellFormed() && !/\S{1500}/.test(text)) texts.add(text);
    }
  };
  for (const name of ['wire', 'clients']) {
    const dir = path.join(SHARED, 'fixtures', name);
    if (fs.existsSync(dir)) walk(dir);
  }
  return [...texts];
}

for (const name of ENCODINGS) {
  test(`${name}: made-up Unicode gives js-tiktoken's tokens`, { skip }, () => {
    compare(name, madeUp(4000, 20251128));
  });

  test(`${name}: recorded texts give js-tiktoken's tokens`, { skip }, (t) => {
    const texts = recorded();
    if (!texts.length) return t.skip('no recorded traffic beside the checkout');
    assert.ok(texts.every((text) => !text.match(new RegExp(`\\S{${PIECE_MAX}}`))));
    compare(name, texts);
  });
}

test('the golden counts of the unit tests are js-tiktoken\'s', { skip }, () => {
  const [o200k, cl100k] = ENCODINGS.map(theirs);
  const file = path.join(ROOT, 'tests/fixtures/token/counts.jsonl');
  for (const line of fs.readFileSync(file, 'utf8').trim().split('\n')) {
    const [text, first, second] = JSON.parse(line);
    assert.deepEqual([o200k(text).length, cl100k(text).length], [first, second], line);
  }
});
