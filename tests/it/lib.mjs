// SPDX-License-Identifier: Apache-2.0
// What the tests with real SDKs share: the npm packages, the fake providers (tests/fakes/serve.py, asked
// over its standard input) and the weir under test. Each test starts its own and stops all at its end.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const SANITIZER =
  /(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|runtime error:|CHECK failed|assertion/i;

export const sleep = (ms) => new Promise((ok) => setTimeout(ok, ms));
// As a limit beside something else: it keeps nobody waiting once that is there.
const atMost = (ms) => new Promise((ok) => setTimeout(ok, ms).unref());

// ---- packages

function packages() {
  if (process.env.WEIR_NPM) return { dir: process.env.WEIR_NPM };
  try {
    return {
      dir: execFileSync(path.join(ROOT, 'script/npm-test-deps'), {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }).split('\n')[0],
    };
  } catch (e) {
    return {
      why: `the npm packages of tests/it can't be installed: ${String(e.stderr ?? e).slice(-300)}`,
    };
  }
}
const found = packages();
export const skip = found.dir ? false : found.why;
export const dep = (name) => createRequire(path.join(found.dir, 'package.json'))(name);

// ---- the fake providers

class Fakes {
  constructor() {
    this.waiting = new Map();
    this.next = 1;
    this.child = spawn('python3', [path.join(ROOT, 'tests/fakes/serve.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => {
      const { id, error, ...reply } = JSON.parse(line);
      const [ok, no] = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) no(new Error(error));
      else ok(reply);
    });
  }
  ask(op, args) {
    const id = this.next++;
    this.child.stdin.write(`${JSON.stringify({ id, op, ...args })}\n`);
    return new Promise((ok, no) => this.waiting.set(id, [ok, no]));
  }
  async listen(dialect) {
    const { up, base } = await this.ask('listen', { dialect });
    const call =
      (op) =>
      (args = {}) =>
        this.ask(op, { up, ...args });
    return {
      dialect,
      base,
      script: (...answers) => this.ask('script', { up, answers }),
      always: (answer) => this.ask('script', { up, default: answer }),
      requests: async () => (await this.ask('seen', { up })).requests,
      wait: call('wait'),
      waitClosed: call('wait_closed'),
      forget: call('forget'),
      die: call('die'), // as a process that is killed
      live: call('live'),
    };
  }
  stop() {
    this.child.stdin.end();
  }
}

// What providers really gave (tests/fakes/recorded.py), at most so many for each dialect; none without
// the collection. Every world knows them by their ids.
export async function recordings(most) {
  const fakes = new Fakes();
  const { cases } = await fakes.ask('recordings', { most });
  fakes.stop();
  return cases;
}

// ---- the gateway

export function binary() {
  if (process.env.WEIR_BIN) return path.resolve(process.env.WEIR_BIN);
  const built = ['build/asan/weir', 'build/release/weir']
    .map((p) => path.join(ROOT, p))
    .filter((p) => fs.existsSync(p));
  assert.ok(built.length, 'there is no weir to test: build it, or set WEIR_BIN');
  return built.sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs)[0];
}

// Below the ephemeral ports, for weir would share a port (SO_REUSEPORT) without a word.
let lastPort = 11000 + (process.pid % 1500) * 2;
function freePort() {
  const port = ++lastPort;
  return new Promise((ok) => {
    const probe = net.createServer().on('error', () => ok(freePort()));
    probe.listen(port, '127.0.0.1', () => probe.close(() => ok(port)));
  });
}

function environment(home) {
  const mine = /^(WEIR_.*|.*_API_KEY|APIKEY|.*_proxy|.*_PROXY|XDG_.*|ANTHROPIC_.*|OPENAI_.*)$/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([k]) => !mine.test(k))),
    HOME: home,
  };
}

class Gateway {
  async start(config) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-sdk-'));
    this.port = await freePort();
    this.said = '';
    const conf = path.join(this.dir, 'weir.yaml');
    fs.writeFileSync(conf, config.replaceAll('@PORT@', this.port));
    this.child = spawn(
      binary(),
      ['serve', '--config', conf, '--data', path.join(this.dir, 'data')],
      { cwd: this.dir, env: environment(this.dir), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const s of [this.child.stdout, this.child.stderr])
      s.on('data', (b) => {
        this.said += b;
      });
    this.over = new Promise((ok) =>
      this.child.on('close', (code, signal) => {
        this.status = code ?? signal;
        ok();
      }),
    );
    this.base = `http://127.0.0.1:${this.port}`;
    for (const end = Date.now() + 15e3; ;) {
      const r = await fetch(`${this.base}/health`).catch(() => null);
      if (r) {
        await r.arrayBuffer();
        return this;
      }
      assert.equal(this.status, undefined, `weir ended: ${this.said.slice(-3000)}`);
      assert.ok(Date.now() < end, 'weir does not answer /health');
      await sleep(15);
    }
  }
  // SIGTERM (twice, so that nothing is waited for), status 0, no word of a sanitizer.
  async stop() {
    this.child.kill('SIGTERM');
    await Promise.race([this.over, atMost(40)]);
    if (this.status === undefined) this.child.kill('SIGTERM');
    await Promise.race([this.over, atMost(10e3)]);
    if (this.status === undefined) this.child.kill('SIGKILL');
    await this.over;
    fs.rmSync(this.dir, { recursive: true, force: true });
    assert.doesNotMatch(this.said, SANITIZER);
    assert.equal(this.status, 0, `weir's exit status; it said: ${this.said.slice(-3000)}`);
  }
}

// A test's world: `up(dialect)` is a fake provider; `pool(ups, of the model, of each provider)` a gateway
// whose model `m` has a target at each of them; `weir(...ups)` a gateway whose model `m` leads to the
// first one and falls back on the others; strings among them are further lines of its configuration.
export async function world(t) {
  const fakes = new Fakes();
  const gateways = [];
  t.after(async () => {
    fakes.stop();
    for (const g of gateways) await g.stop();
  });
  return {
    up: (dialect) => fakes.listen(dialect),
    async pool(ups, model = '', provider = '') {
      const rows = ups.map(
        (u, i) =>
          `  - { name: p${i}, dialect: ${u.dialect}, baseURL: "${u.base}", apiKey: provider-secret-${i}, models: [up]${provider && `, ${provider}`} }`,
      );
      const targets = ups.map((_, i) => `{ use: p${i}/up }`).join(', ');
      const g = new Gateway();
      gateways.push(g);
      return g.start(
        [
          'listen: 127.0.0.1:@PORT@',
          'workers: 1',
          'providers:',
          ...rows,
          'models:',
          `  - { name: m, targets: [ ${targets} ]${model && `, ${model}`} }`,
          '',
        ].join('\n'),
      );
    },
    async weir(...args) {
      const ups = args.filter((a) => typeof a !== 'string');
      const more = args.filter((a) => typeof a === 'string');
      const rows = ups.map(
        (u, i) =>
          `  - { name: p${i}, dialect: ${u.dialect}, baseURL: "${u.base}", apiKey: provider-secret-${i}, models: [up] }`,
      );
      const names = ups.map((_, i) => (i ? `m${i}` : 'm'));
      const models = names.map(
        (n, i) =>
          `  - { name: ${n}, targets: [ { use: p${i}/up } ]${i === 0 && ups.length > 1 ? `, fallback: [ ${names.slice(1).join(', ')} ]` : ''} }`,
      );
      const g = new Gateway();
      gateways.push(g);
      return g.start(
        [
          'listen: 127.0.0.1:@PORT@',
          'providers:',
          ...rows,
          'models:',
          ...models,
          'keys: [ { name: dev, key: client-key } ]',
          ...more,
          '',
        ].join('\n'),
      );
    },
  };
}
